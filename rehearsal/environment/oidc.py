"""A job of GitHub's, to which nobody gives a key: it has a token in a file, and AWS's clients exchange that for
credentials by themselves, again and again, since these end.

https://docs.aws.amazon.com/sdkref/latest/guide/access-assume-role-web.html
"""

import json
import threading
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal import files
from rehearsal.environment.workspace import for_go, require_loopback, state_at

BUILD = "build"  # the job that builds, which deploys nothing
ISSUER, AUDIENCE = "https://token.actions.githubusercontent.com", "sts.amazonaws.com"
SESSION = "rehearsal"
MAIN = "refs/heads/main"
EVERY = 30  # simulated seconds; a token is good for 300, and a busy machine may be late
SHORTEST = 900  # simulated seconds that a session lasts at least
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PULUMI_CONFIG_PASSPHRASE")


@dataclass
class Job:
    """A job whose tokens are about `subject`, and which takes the role with the ARN `role`. While the `with` block
    runs, `file` holds a token that is good; GitHub gives a job as many as it asks for."""

    endpoint: str
    subject: str
    role: str
    file: Path
    factor: float
    tokens: list[str] = field(default_factory=list)  # all that it was given
    _over: threading.Event = field(default_factory=threading.Event)
    _renewing: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def environment(self, base: Mapping[str, str], backend: str) -> dict[str, str]:
        """`base` without any key or passphrase, its stack's state at the URL `backend`."""
        return {name: value for name, value in base.items() if name not in KEYS} | {
            **for_go(self.endpoint),
            **state_at(backend, self.endpoint),
            "AWS_ROLE_ARN": self.role,
            "AWS_ROLE_SESSION_NAME": SESSION,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.file),
        }

    def renew(self) -> None:
        """Put another token in the file; from any thread, and none puts an older one over a newer."""
        with self._renewing:
            files.write(self.token(), self.file)

    def token(self) -> str:
        """A new token, as GitHub's issuer signs it."""
        require_loopback(self.endpoint)
        claims = {"aud": AUDIENCE, "sub": self.subject, "ref": MAIN}
        body = json.dumps({"issuer": ISSUER, "claims": claims}).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_strata/tokens", data=body, timeout=120) as answer:  # noqa: S310  loopback
            self.tokens.append(json.load(answer)["token"])
        return self.tokens[-1]

    def session(self, region: str, name: str = "short", seconds: int = SHORTEST) -> boto3.Session:
        """A session that nothing renews; the shortest kind, where no simulated seconds are given."""
        sts = boto3.client("sts", region, endpoint_url=self.endpoint, config=Config(signature_version=UNSIGNED))
        given = sts.assume_role_with_web_identity(
            RoleArn=self.role, RoleSessionName=name, WebIdentityToken=self.token(), DurationSeconds=seconds
        )["Credentials"]
        return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region)

    def _keep(self) -> None:
        while not self._over.wait(EVERY / self.factor):
            with suppress(OSError):  # the cloud has ended before us
                self.renew()

    def __enter__(self) -> Self:
        self.renew()
        self._thread = threading.Thread(target=self._keep, name="tokens", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()


@dataclass(frozen=True)
class Served:
    """A job at work: the environment in which its commands are typed, and by what its stack's secrets are kept."""

    job: Job
    env: Mapping[str, str]
    secrets_provider: str


def survives_expiry(session: boto3.Session, endpoint: str) -> list[str]:
    """What is wrong where a session is good for something still, although its time is over; else nothing."""
    try:
        session.client("sts", endpoint_url=endpoint).get_caller_identity()
    except ClientError as refused:
        if (code := refused.response["Error"]["Code"]).startswith("ExpiredToken"):
            return []
        return [f"a session whose time was over was refused as {code}, not as ExpiredToken"]
    return ["a session whose time was over was taken still"]


def subject(identity: Mapping[str, Any], stack: str) -> str:
    """What the tokens of a job that deploys the stack are about. `identity`: of the configuration of `bootstrap/`."""
    (served,) = (each for each in identity["stacks"] if each["name"] == stack)
    return subject_in(identity, served["environment"])


def subject_in(identity: Mapping[str, Any], environment: str) -> str:
    """The same of any job in a GitHub environment."""
    return f"repo:{identity['github']['repository']}:environment:{environment}"
