"""The artifact bucket holds zips by digest, manifests and source archives by commit.

An object is written once and never overwritten.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.session import Session

from infra.bundle.model import digest as digest_of
from infra.release.aws import objects
from infra.release.aws.errors import aws_call
from infra.release.engine.cloud import AwsError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUFFIX = ".json"
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 5}, user_agent_extra="strata-artifacts")


@dataclass(frozen=True)
class Stored:
    """One version of an object in the bucket."""

    bucket: str
    key: str
    version: str


@dataclass(frozen=True)
class Artifacts:
    """The artifact bucket of a region. Every method raises AwsError, with its remedy, where AWS refuses a call."""

    bucket: str
    region: str

    def put(self, zipped: bytes) -> Stored:
        """Publish a zip, unless it is there already; return where it is. S3 verifies the digest on arrival."""
        digest = digest_of(zipped)
        self._write(bundle_key(digest), zipped, "application/zip")
        if (stored := self.find(digest)) is None:
            raise AwsError(f"s3://{self.bucket}/{bundle_key(digest)} was written, but S3 does not find it; run again")
        return stored

    def find(self, digest: str) -> Stored | None:
        """Return where the zip with this digest is; None if the bucket does not have it.

        Raises AwsError where the object holds other bytes, by S3's own checksum, or has no version.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        key, where = bundle_key(digest), f"s3://{self.bucket}/{bundle_key(digest)}"
        try:
            with aws_call("s3 HeadObject", where):
                found = self._s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
        except NotFoundError:
            return None
        if (held := found.get("ChecksumSHA256", "none")) != digest:
            raise AwsError(
                f"{where} holds bytes with the SHA-256 {held}, not {digest}: it was altered after the build; find out "
                "by whom, delete that version of the object, and publish the bundle again"
            )
        if (version := found.get("VersionId", "null")) == "null":
            raise AwsError(f"the bucket {self.bucket} keeps no versions; bring `bootstrap/` up in its account")
        return Stored(self.bucket, key, version)

    def get(self, digest: str) -> bytes | None:
        """Return the zip with this digest; None if the bucket does not have it.

        Raises AwsError where the object holds other bytes.
        """
        zipped = self._read(bundle_key(digest))
        if zipped is not None and digest_of(zipped) != digest:
            raise AwsError(
                f"s3://{self.bucket}/{bundle_key(digest)} holds bytes with the SHA-256 {digest_of(zipped)}, not "
                f"{digest}: it was altered after the build; find out by whom, and publish the bundle again"
            )
        return zipped

    def publish(self, commit: str, manifest: str) -> None:
        """Publish the manifest of a commit. Raises AwsError where the commit already has a different one."""
        self._write(manifest_key(commit), manifest.encode(), "application/json")
        if (published := self.built(commit)) != manifest:
            raise AwsError(
                f"commit {commit} was built before, with another outcome: s3://{self.bucket}/{manifest_key(commit)} "
                f"{'is not there' if published is None else 'is not this manifest'}; fetch that one "
                "(`python -m infra.artifacts get --stack STACK`), and find out why the builds differ"
            )

    def built(self, commit: str) -> str | None:
        """Return the published manifest of a commit; None if the commit has none."""
        found = self._read(manifest_key(commit))
        return None if found is None else found.decode()

    def publish_source(self, commit: str, archive: bytes) -> None:
        """Publish the source archive of a commit, unless it is there already: the commit says what is in it."""
        self._write(source_key(commit), archive, "application/octet-stream")

    def source(self, commit: str) -> bytes | None:
        """Return the source archive of a commit; None if the commit has none."""
        return self._read(source_key(commit))

    def commits(self, beginning: str) -> list[str]:
        """Return the commits with a manifest that begin with these hexadecimal digits, in order.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        prefix = manifest_key(beginning).removesuffix(SUFFIX)
        with aws_call("s3 ListObjectsV2", f"s3://{self.bucket}/{prefix}*"):
            found = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)  # a thousand, where two are too many
        return sorted(PurePosixPath(each["Key"]).stem for each in found.get("Contents", ()))

    def _write(self, key: str, content: bytes, kind: str) -> None:
        """Write an object, unless its key exists."""
        checked = digest_of(content)
        objects.write(self._s3, self.bucket, key, content, only_new=True, ContentType=kind, ChecksumSHA256=checked)

    def _read(self, key: str) -> bytes | None:
        return objects.read(self._s3, self.bucket, key, ChecksumMode="ENABLED")

    @cached_property
    def _s3(self) -> S3Client:
        client: Any = Session().create_client("s3", self.region, config=_PATIENT)
        return cast("S3Client", client)


def bundle_key(digest: str) -> str:
    """Return the key of a zip. The digest in it is hexadecimal, since base64 contains slashes."""
    return f"bundles/{base64.b64decode(digest).hex()}.zip"


def manifest_key(commit: str) -> str:
    return f"manifests/{commit}{SUFFIX}"


def source_key(commit: str) -> str:
    return f"sources/{commit}.bundle"
