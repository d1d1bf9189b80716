"""STS: roles are assumed by a token of an issuer or by another role, and sessions end in simulated time.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import json
import secrets
import time
from typing import Any

from botocore.model import OperationModel  # type: ignore[import-untyped]

from local.cloud.clock import CLOCK
from local.cloud.identity import callers, guard, tokens
from local.cloud.identity.decisions import DECISIONS
from local.cloud.identity.issuers import ISSUERS
from local.cloud.identity.policies import Caller, Policy, Question, decide
from local.cloud.ministack import Patch, Seam, install, ministack
from local.cloud.settings import SWITCHES
from local.cloud.timeline import TIMELINE
from local.cloud.violations import Violation
from local.cloud.wire import Service, ServiceError

_MODULE = "services.sts"
_DEFAULT_SECONDS = 3600
_CLAIMS = ("aud", "sub", "amr")
_CLAIMS_OF: dict[str, tuple[str, ...]] = {
    "token.actions.githubusercontent.com": (
        "actor",
        "actor_id",
        "enterprise_id",
        "environment",
        "job_workflow_ref",
        "ref",
        "repository",
        "repository_id",
        "workflow",
    )
}
"""The claims that are condition keys: of any issuer, and of one. Those of one are keys only in trust policies: a
session does not have these keys.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
"""


def refuse(_: OperationModel, found: list[Violation]) -> ServiceError:
    """Return the error for parameters that violate the model, as STS words it."""
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
    return ServiceError("ValidationError", f"{count}: {'; '.join(map(str, found))}")


STS = Service("sts", refuse)


def register() -> None:
    """Replace ministack's calls that issue credentials."""
    install(
        [
            Patch(
                Seam(_MODULE, "_evict_expired_sessions", ""),
                "a session that was forgotten is an unknown key, where AWS says that it has expired",
                lambda _: lambda: None,
            )
        ],
        [
            *guard.NEEDS,
            Seam(_MODULE, "handle_request", "method path headers body query_params"),
        ],
    )
    STS.fallback = ministack(_MODULE).handle_request
    STS.operations |= {"AssumeRole": _by_role, "AssumeRoleWithWebIdentity": _by_web_identity}
    ministack("app").SERVICE_HANDLERS["sts"] = STS.handle_request


def _by_role(request: dict[str, Any]) -> dict[str, Any]:
    """Assume a role as another role; `guard` checks the permission if policies are enforced."""
    _, role = _role(request["RoleArn"])
    if not role:
        raise ServiceError("AccessDenied", f"Not authorized to perform: sts:AssumeRole on {request['RoleArn']}", 403)
    return _session(role, request)


def _by_web_identity(request: dict[str, Any]) -> dict[str, Any]:
    arn = request["RoleArn"]
    account, role = _role(arn)
    claims = tokens.verify(
        request["WebIdentityToken"], lambda url: _provider(account, url), time.time(), TIMELINE.now()
    )
    path = claims["iss"].removeprefix("https://")
    provider = f"arn:aws:iam::{account}:oidc-provider/{path}"
    trust = Policy("trust", json.dumps(_document(role)))
    named = {name: claims[name] for name in _CLAIMS if name in claims}
    named |= {name: claims[name] for name in _CLAIMS_OF.get(path, ()) if isinstance(claims.get(name), str)}
    keys = {f"{path}:{name}".lower(): value for name, value in named.items()}
    caller = Caller(provider, account, "Federated")
    question = Question("sts:AssumeRoleWithWebIdentity", arn, keys=keys, policy=trust, by_resource=True)
    decision = decide(caller, question)
    if SWITCHES.enforce:
        DECISIONS.add(caller, question, decision)
    if not decision.allowed:
        raise ServiceError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    return {
        **_session(role, request),
        "SubjectFromWebIdentityToken": claims["sub"],
        "Audience": claims["aud"],
        "Provider": provider,
    }


def _role(arn: str) -> tuple[str, dict[str, Any]]:
    """Return account and record of a role; the record is empty if there is none, which AWS answers like a denial."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        raise ServiceError("ValidationError", f"Invalid RoleArn: {arn}")
    role = callers.role_of(parts[4], parts[5].rsplit("/", 1)[-1])
    return parts[4], role if role.get("Arn") == arn else {}


def _document(role: dict[str, Any]) -> Any:
    """Return a role's trust policy; its statements have no Resource, which is the role itself."""
    document = role.get("AssumeRolePolicyDocument") or {}
    return json.loads(document) if isinstance(document, str) else document


def _provider(account: str, url: str) -> tokens.Provider | None:
    """Return the account's provider whose URL is exactly the token's issuer."""
    arn = f"arn:aws:iam::{account}:oidc-provider/{url.removeprefix('https://')}"
    found = ministack("services.iam")._oidc_providers.get_scoped(account, None, arn)
    if found is None or url != f"https://{found['Url'].removeprefix('https://')}":
        return None
    issuer = ISSUERS.get(url)
    return tokens.Provider(url, found["ClientIDList"], issuer.keys if issuer else None)


def _session(role: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return new credentials of a role, valid for `seconds` simulated seconds."""
    seconds, name = request.get("DurationSeconds", _DEFAULT_SECONDS), request["RoleSessionName"]
    if seconds > role.get("MaxSessionDuration", _DEFAULT_SECONDS):
        raise ServiceError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    credentials = {
        "AccessKeyId": f"ASIA{secrets.token_hex(8).upper()}",
        "SecretAccessKey": secrets.token_urlsafe(30),
        "SessionToken": secrets.token_urlsafe(96),
        "Expiration": time.time() + CLOCK.real(seconds),
    }
    arn = callers.session_arn(role["Arn"], name)
    assumed = {"Arn": arn, "AssumedRoleId": f"{role['RoleId']}:{name}"}
    passed = {
        "Policy": request.get("Policy", ""),
        "PolicyArns": [item["arn"] for item in request.get("PolicyArns", ())],
    }
    callers.remember(arn, assumed["AssumedRoleId"], credentials, passed)
    return {"Credentials": credentials, "AssumedRoleUser": assumed, "PackedPolicySize": 0}
