"""Terraform's state, its lock and this tool's journal in S3; and whose credentials these are.

The lock file is Terraform's own: JSON of `statemgr.LockInfo`, written only where none is, in
internal/backend/remote-state/s3/client.go of github.com/hashicorp/terraform.
"""

from __future__ import annotations

import getpass
import json
import socket
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from botocore.config import Config
from botocore.session import Session

from infra.migrate.backend import Backend
from infra.migrate.checks import OPERATION
from infra.migrate.model import Direction, Journal, Lock, MigrationError, Moved, Thing
from infra.migrate.read import document
from infra.release.aws import objects
from infra.release.aws.errors import aws_call
from infra.release.engine.cloud import NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOCK_FIELDS = ("ID", "Operation", "Info", "Who", "Created", "Holder")
JOURNAL = "journal.json"
JOURNAL_VERSION = 1
PATHS = Config(s3={"addressing_style": "path"})


@dataclass(frozen=True)
class Bucket:
    """The bucket of a backend. Every method raises AwsError, with its remedy, where AWS refuses a call."""

    backend: Backend

    def account(self) -> str:
        """Return the caller's account."""
        with aws_call("sts GetCallerIdentity"):
            client: Any = Session().create_client("sts", region_name=self.backend.region)
            return str(client.get_caller_identity()["Account"])

    def state(self) -> bytes | None:
        """Return Terraform's state; None if there is none."""
        return self.get(self.backend.state)

    def workspaces(self) -> list[str]:
        """Return the workspaces that have a state of this key, `default` among them."""
        start, end = f"{self.backend.prefix}/", f"/{self.backend.key}"
        with aws_call("s3 ListObjectsV2", self.backend.bucket):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.backend.bucket, Prefix=start)
            keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        named = [key.removeprefix(start).removesuffix(end) for key in keys if key.endswith(end)]
        return sorted(named) + (["default"] if self.get(self.backend.key) is not None else [])

    def lock(self) -> Lock | None:
        """Return Terraform's lock; None if the state is not locked."""
        if (found := objects.tagged(self._s3, self.backend.bucket, self.backend.lock)) is None:
            return None
        info = document(found[0], f"s3://{self.backend.bucket}/{self.backend.lock}")
        return replace(Lock(*(str(info.get(name, "")) for name in LOCK_FIELDS)), tag=found[1])

    def take_lock(self, info: str, holder: str) -> None:
        """Take Terraform's lock. Raises MigrationError if another took it first."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        new = Lock(str(uuid4()), OPERATION, info, _user(), now, holder)
        if not self.put(self.backend.lock, self._written(new), only_new=True):
            raise MigrationError(f"{self.backend} was locked a moment ago by another; run this again to see by whom")

    def take_over(self, lock: Lock, holder: str) -> None:
        """Make the lock of a process that has ended this one's. Raises MigrationError if another did so first."""
        new = replace(lock, holder=holder, who=_user())
        if not objects.overwrite(
            self._s3, self.backend.bucket, self.backend.lock, self._written(new), tag=lock.tag, **self._encryption
        ):
            raise MigrationError(
                f"the lock of {self.backend} was written a moment ago: another process goes on with the move, or has "
                "ended it; run `verify` to see what is left"
            )

    def give_lock_back(self, lock: Lock) -> None:
        """Delete the lock file. Raises MigrationError if it is no longer the one that was read."""
        if not objects.delete(self._s3, self.backend.bucket, self.backend.lock, tag=lock.tag):
            raise MigrationError(
                f"the lock of {self.backend} was written or deleted by another while this process held it; run "
                "`verify` to see what is left"
            )

    def _written(self, lock: Lock) -> bytes:
        fields = (lock.id, lock.operation, lock.info, lock.who, lock.created, lock.holder)
        path = f"{self.backend.bucket}/{self.backend.state}"
        return json.dumps({**dict(zip(LOCK_FIELDS, fields, strict=True)), "Version": "", "Path": path}).encode()

    def journal(self) -> Journal | None:
        """Return the journal of this state's last move; None if it had none."""
        key = self.backend.beside(JOURNAL)
        if (found := self.get(key)) is None:
            return None
        return read_journal(document(found, f"s3://{self.backend.bucket}/{key}"))

    def write_journal(self, journal: Journal) -> None:
        text = json.dumps({"version": JOURNAL_VERSION, **asdict(journal)}, indent=2)
        self.put(self.backend.beside(JOURNAL), text.encode())

    def get(self, key: str) -> bytes | None:
        return objects.read(self._s3, self.backend.bucket, key)

    def put(self, key: str, body: bytes, *, only_new: bool = False) -> bool:
        """Write an object, encrypted as Terraform encrypts the state. Return whether it was new, if it must be."""
        try:
            return objects.write(self._s3, self.backend.bucket, key, body, only_new=only_new, **self._encryption)
        except NotFoundError:
            raise MigrationError(
                f"there is no bucket {self.backend.bucket}; run `terraform init` with the stack's own backend"
            ) from None

    @property
    def _encryption(self) -> dict[str, Any]:
        given = {"ContentType": "application/json", "ServerSideEncryption": "AES256"}
        if self.backend.kms_key:
            given |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.backend.kms_key}
        return given

    @cached_property
    def _s3(self) -> S3Client:
        client = Session().create_client(
            "s3",
            region_name=self.backend.region,
            endpoint_url=self.backend.endpoint,
            config=PATHS if self.backend.path_style else None,
        )
        return cast("S3Client", client)


def _user() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def read_journal(found: Any) -> Journal:
    """Read a journal. Raises MigrationError if a newer tool wrote it."""
    if (version := found.get("version")) != JOURNAL_VERSION:
        raise MigrationError(
            f"the journal of the move has the version {version!r}, and this tool knows {JOURNAL_VERSION}; use the "
            "checkout that began the move"
        )
    given = {name: value for name, value in found.items() if name != "version"}
    moved = tuple(
        Moved(each["address"], Thing(*each["thing"]), each["urn"], each["backup"]) for each in given.pop("moved")
    )
    return Journal(**{**given, "direction": Direction(given["direction"])}, moved=moved)
