"""A GitHub job without a key: it has an OIDC token in a file, and AWS's clients exchange the token for credentials
whenever the last ones have expired.

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
EVERY = 30  # simulated seconds between renewals; a token is valid for 300, and a busy machine may be late
SHORTEST = 900  # simulated seconds; AWS gives no shorter session
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PULUMI_CONFIG_PASSPHRASE")


@dataclass
class OidcJob:
    """A job whose tokens have the subject `subject`, and which assumes the role with the ARN `role`. While the `with`
    block runs, `file` holds a valid token; GitHub issues as many as a job asks for."""

    endpoint: str
    subject: str
    role: str
    file: Path
    factor: float
    tokens: list[str] = field(default_factory=list)  # all tokens so far
    _over: threading.Event = field(default_factory=threading.Event)
    _renewing: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def environment(self, base: Mapping[str, str], backend: str) -> dict[str, str]:
        """Return `base` without keys and passphrase, with the job's role and its stack's state at the URL `backend`."""
        return {name: value for name, value in base.items() if name not in KEYS} | {
            **for_go(self.endpoint),
            **state_at(backend, self.endpoint),
            "AWS_ROLE_ARN": self.role,
            "AWS_ROLE_SESSION_NAME": SESSION,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.file),
        }

    def renew(self) -> None:
        """Write a new token to the file. Safe from any thread: an older token never replaces a newer one."""
        with self._renewing:
            files.write(self.token(), self.file)

    def token(self) -> str:
        """Return a new token, signed as GitHub's issuer signs it."""
        require_loopback(self.endpoint)
        claims = {"aud": AUDIENCE, "sub": self.subject, "ref": MAIN}
        body = json.dumps({"issuer": ISSUER, "claims": claims}).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_strata/tokens", data=body, timeout=120) as answer:  # noqa: S310  loopback
            self.tokens.append(json.load(answer)["token"])
        return self.tokens[-1]

    def session(self, region: str, name: str = "short", seconds: int = SHORTEST) -> boto3.Session:
        """Return a session that is not renewed; `seconds`, simulated ones, is AWS's shortest by default."""
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
class DeployIdentity:
    """The identity by which a stack is deployed: its job, the environment of the job's commands, and the secrets
    provider of the stack."""

    job: OidcJob
    env: Mapping[str, str]
    secrets_provider: str


def survives_expiry(session: boto3.Session, endpoint: str) -> list[str]:
    """Call AWS with an expired session; return the problem if AWS does not refuse it as expired, else nothing."""
    try:
        session.client("sts", endpoint_url=endpoint).get_caller_identity()
    except ClientError as refused:
        if (code := refused.response["Error"]["Code"]).startswith("ExpiredToken"):
            return []
        return [f"an expired session was refused as {code}, not as ExpiredToken"]
    return ["an expired session was still accepted"]


def subject(identity: Mapping[str, Any], stack: str) -> str:
    """Return the token subject of the job that deploys the stack. `identity` is that section of `bootstrap/`'s
    configuration."""
    (found,) = (each for each in identity["stacks"] if each["name"] == stack)
    return subject_in(identity, found["environment"])


def subject_in(identity: Mapping[str, Any], environment: str) -> str:
    """Return the token subject of any job in that GitHub environment."""
    return f"repo:{identity['github']['repository']}:environment:{environment}"
