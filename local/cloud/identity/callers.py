"""Identifies a caller: its account, its role, and their policies, as IAM has them now."""

import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

from local.cloud.identity.policies import Caller, Policy
from local.cloud.ministack import Seam, ministack
from local.cloud.settings import SWITCHES
from local.cloud.timeline import TIMELINE

NEEDS = [
    Seam("core.iam_evaluator", "_resolve_managed_policy_document", "policy_arn account_id"),
    Seam("services.sts", "register_session", "access_key session"),
]


class UnknownCallerError(Exception):
    """The credentials are not valid: `kind` is `expired` or `invalid`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def session(access_key: str) -> Mapping[str, Any] | None:
    """Return the STS session that an access key belongs to. Raises UnknownCallerError if it has expired."""
    found: Mapping[str, Any] | None = ministack("services.sts")._sessions.get(access_key)
    if found is not None and found.get("Expiration", float("inf")) <= TIMELINE.now():
        raise UnknownCallerError("expired")
    return found


def session_arn(role: str, name: str) -> str:
    """Return the ARN of a session of the role with this ARN."""
    return f"arn:aws:sts::{role.split(':')[4]}:assumed-role/{role.rsplit('/', 1)[-1]}/{name}"


def remember(arn: str, user: str, credentials: Mapping[str, Any], passed: Mapping[str, Any] | None = None) -> None:
    """Store a session: its ARN, its caller's unique id, its credentials in STS's shape, and the policies passed."""
    ministack("services.sts").register_session(
        credentials["AccessKeyId"],
        {
            **credentials,
            "Arn": arn,
            "UserId": user,
            "AccountId": arn.split(":")[4],
            "PrincipalType": "AssumedRole",
            "SessionPolicies": passed if passed and any(passed.values()) else None,
        },
    )


def identify(access_key: str, token: str) -> Caller:
    """Return the caller by the access key and the session token that came with it. Raises UnknownCallerError.

    The signature is not verified: a session's token cannot be guessed, so it is the proof.
    """
    if access_key.isdigit() and len(access_key) == 12 and SWITCHES.root:
        return Caller(f"arn:aws:iam::{access_key}:root", access_key, policies=None)
    found = session(access_key)
    if found is None or not hmac.compare_digest(str(found["SessionToken"]).encode(), token.encode()):
        raise UnknownCallerError("invalid")  # keys of IAM users too: Strata has no static key
    account, name = found["AccountId"], found["Arn"].split("/")[1]
    return _session_of(account, name, found["Arn"], found.get("SessionPolicies"), found["UserId"])


def acting(role: str, name: str) -> Caller:
    """Return the caller for a service that acts as the role with this ARN, in a session of this name."""
    account, role_name = role.split(":")[4], role.rsplit("/", 1)[-1]
    return _session_of(account, role_name, session_arn(role, name), None, f"{role_name}:{name}")


def service(principal: str, account: str, source: str) -> Caller:
    """Return the caller for an AWS service that acts on behalf of the resource `source`, e.g. CloudWatch for an
    alarm."""
    keys = {"aws:sourceaccount": account, "aws:sourceowner": account, "aws:sourcearn": source}
    return Caller(principal, account, "Service", keys=keys)


def role_of(account: str, name: str) -> dict[str, Any]:
    """Return ministack's record of a role; empty if there is none."""
    return ministack("services.iam")._roles.get_scoped(account, None, name) or {}


def _session_of(account: str, name: str, arn: str, passed: Mapping[str, Any] | None, user: str) -> Caller:
    role = role_of(account, name)
    limits = {}
    if boundary := role.get("PermissionsBoundary"):
        limits["permissions boundary"] = tuple(_managed([boundary], account))
    if passed:
        inline = [Policy("session", passed["Policy"])] if passed.get("Policy") else []
        limits["session policy"] = (*inline, *_managed(passed.get("PolicyArns", []), account))
    inline = [Policy(key, text(value)) for key, value in (role.get("InlinePolicies") or {}).items()]
    tags = {f"aws:principaltag/{tag['Key']}".lower(): tag["Value"] for tag in role.get("Tags") or ()}
    return Caller(
        arn=arn,
        account=account,
        role=role.get("Arn", ""),
        policies=(*inline, *_managed(role.get("AttachedPolicies") or [], account)),
        limits=limits,
        keys={**tags, "aws:userid": user},
    )


def _managed(arns: list[str], account: str) -> Iterator[Policy]:
    """Return managed policies by their ARNs; one that does not exist allows nothing."""
    for arn in arns:
        document = ministack("core.iam_evaluator")._resolve_managed_policy_document(arn, account)
        yield Policy(arn, text(document or {}))


def text(document: Any) -> str:
    """Return a policy document as text; ministack stores it as text or as an object."""
    return document if isinstance(document, str) else json.dumps(document)
