"""Carries out a deployment's effects on the rest of the cloud: it shifts the alias, invokes hooks and reads alarms.

Lambda is called through its own handler, so that it refuses CodeDeploy whatever it would refuse a client.
"""

import base64
import json
from typing import Any

from local.cloud.alarms import states
from local.cloud.codedeploy.appspec import AppSpec
from local.cloud.codedeploy.machine import Fault
from local.cloud.codedeploy.records import Record, Region
from local.cloud.identity import guard
from local.cloud.ministack import Seam, ministack
from local.cloud.settings import SWITCHES

HOOK_PREFIX = "CodeDeployHook_"
"""The only functions that the managed role AWSCodeDeployRoleForLambda may invoke."""
_SECONDS = 60.0
_INVALID = (
    "The deployment failed because the AppSpec file that specifies the AWS Lambda deployment configuration is "
    "missing or has an invalid configuration."
)

NEEDS = [
    Seam("app", "call_service_handler_sync", "handler method path headers body query_params timeout"),
    Seam("services.lambda_svc", "handle_request", "method path headers body query_params"),
]


def alarm_states(region: Region, record: Record) -> dict[str, str | None]:
    """Return the states of a deployment's metric alarms; None for one that is missing, composite, or not readable."""
    home = f"arn:aws:cloudwatch:{region.name}:{region.account}:alarm"
    seen = {name: _may(record, "cloudwatch:DescribeAlarms", f"{home}:{name}") for name in record.machine.plan.alarms}
    return {name: (states.store().get(name) or {}).get("StateValue") if may else None for name, may in seen.items()}


def inspect(region: Region, record: Record) -> Fault | None:
    """Return what is wrong with the revision by Lambda's records. A rollback may start from a split alias."""
    spec = record.spec
    path = f"/2015-03-31/functions/{spec.function}"
    if fault := role_fault(region.account, record.group.settings["serviceRoleArn"]) or _unreadable(record):
        return fault
    if not _may(record, "lambda:GetAlias", _arn(region, spec.function)):
        return _forbidden(record)
    if _lambda("GET", f"{path}/configuration")[0] >= 400:
        return Fault("INVALID_LAMBDA_FUNCTION", f"The Lambda function {spec.function} does not exist.")
    status, alias = _lambda("GET", f"{path}/aliases/{spec.alias}")
    if status >= 400:
        return _invalid(f"The Lambda function {spec.function} has no alias {spec.alias}.")
    if _lambda("GET", f"{path}/configuration", {"Qualifier": [spec.target]})[0] >= 400:
        return _invalid(f"The Lambda function {spec.function} has no version {spec.target}.")
    return _alias_fault(spec, alias) if record.triggered_by is None else None


def _unreadable(record: Record) -> Fault | None:
    """Return the fault if the service role may not read the revision in S3; a rollback's own revision is not in S3."""
    location = record.revision.get("s3Location")
    if location is None:
        return None
    action = "s3:GetObjectVersion" if location.get("version") else "s3:GetObject"
    may = _may(record, action, f"arn:aws:s3:::{location['bucket']}/{location['key']}")
    return None if may else _forbidden(record, "AmazonS3")


def _alias_fault(spec: AppSpec, alias: dict[str, Any]) -> Fault | None:
    if spec.current == spec.target:
        return _invalid("")
    if alias["FunctionVersion"] != spec.current:
        return _invalid("The Lambda function alias version does not match the current version in AppSpec file.")
    if (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights"):
        return _invalid("The Lambda function alias already shifts traffic between two versions.")
    return None


def role_fault(account: str, arn: str) -> Fault | None:
    """Return what is wrong with a service role."""
    iam: Any = ministack("services.iam")
    role = iam._roles.get(arn.rsplit("/", 1)[-1]) if arn.split(":")[4:5] == [account] else None
    if role is None:
        return Fault("IAM_ROLE_MISSING", f"The deployment failed because the service role {arn} does not exist.")
    if "codedeploy.amazonaws.com" not in str(role.get("AssumeRolePolicyDocument")):
        return Fault("IAM_ROLE_PERMISSIONS", f"AWS CodeDeploy does not have the permissions to assume the role {arn}.")
    return None


def shift(region: Region, record: Record, percent: float) -> Fault | None:
    """Put `percent` of the traffic on the target version."""
    spec, whole = record.spec, percent >= 100
    if not _may(record, "lambda:UpdateAlias", _arn(region, spec.function)):
        return _forbidden(record)
    weights = {} if whole else {spec.target: percent / 100}
    body = {
        "FunctionVersion": spec.target if whole else spec.current,
        "RoutingConfig": {"AdditionalVersionWeights": weights},
    }
    status, answer = _lambda("PUT", f"/2015-03-31/functions/{spec.function}/aliases/{spec.alias}", body=body)
    if status < 400:
        return None
    message = str(answer.get("message") or answer.get("Message") or answer)
    if status == 404:
        return Fault("INVALID_LAMBDA_FUNCTION", message)
    if status == 429:
        return Fault("THROTTLED", f"The deployment failed because too many requests were made to AWSLambda: {message}")
    return _invalid(message) if status < 500 else Fault("INTERNAL_ERROR", message)


def invoke_hook(region: Region, record: Record, event: str, function: str) -> Fault | None:
    """Invoke a hook with an event of two members; the hook answers by PutLifecycleEventHookExecutionStatus."""
    name = function.rpartition(":function:")[2].partition(":")[0]
    if not _may(record, "lambda:InvokeFunction", _arn(region, name)):
        return _forbidden(record)
    if not SWITCHES.enforce and not name.startswith(HOOK_PREFIX):
        return Fault(
            "IAM_ROLE_PERMISSIONS",
            f"{_forbidden(record).message} (The local cloud knows the managed role only, which "
            f"may invoke functions named {HOOK_PREFIX}*; the hook of {event} is {function}.)",
        )
    execution = next(token for token, named in record.executions.items() if named == event)
    payload = {"DeploymentId": record.id, "LifecycleEventHookExecutionId": execution}
    headers = {"x-amz-invocation-type": "Event", "content-type": "application/json"}
    status, answer = _lambda("POST", f"/2015-03-31/functions/{name}/invocations", body=payload, headers=headers)
    if status >= 400:
        return Fault("HOOK_EXECUTION_FAILURE", f"The hook {function} of {event} could not be invoked: {answer}")
    return None


def execution_id(record: Record, event: str) -> str:
    """Return an opaque token for one hook of one deployment."""
    return base64.b64encode(json.dumps({"encryptedData": f"{record.id}/{event}"}).encode()).decode()


def _lambda(
    method: str,
    path: str,
    query: dict[str, list[str]] | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    app: Any = ministack("app")
    raw = b"" if body is None else json.dumps(body).encode()
    given = {"content-length": str(len(raw)), **(headers or {})}
    status, _, answer = app.call_service_handler_sync(
        app.SERVICE_HANDLERS["lambda"], method, path, given, raw, query or {}, _SECONDS
    )
    try:
        parsed = json.loads(answer) if answer else {}
    except (TypeError, ValueError):
        parsed = {}
    return status, parsed if isinstance(parsed, dict) else {"message": str(parsed)}


def _arn(region: Region, function: str) -> str:
    return f"arn:aws:lambda:{region.name}:{region.account}:function:{function}"


def _may(record: Record, action: str, resource: str) -> bool:
    """Return True if the group's service role, as which CodeDeploy acts, may do this."""
    return guard.acts(record.group.settings["serviceRoleArn"], record.id, action, resource)


def _forbidden(record: Record, service: str = "AWSLambda") -> Fault:
    return Fault(
        "IAM_ROLE_PERMISSIONS",
        f"The IAM role {record.group.settings['serviceRoleArn']} does not give you permission to perform operations "
        f"in the following AWS service: {service}.",
    )


def _invalid(detail: str) -> Fault:
    return Fault("INVALID_LAMBDA_CONFIGURATION", f"{_INVALID} {detail}".strip())
