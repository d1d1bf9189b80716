"""Checks a function's configuration and code as Lambda does.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html; bounds of the members by AWS's model, quotas by
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import base64
import contextlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.model import OperationModel, Shape  # type: ignore[import-untyped]

from local.cloud.faults.operations import model
from local.cloud.identity import guard, trust
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches.lambda_api import MODULE, Check, Request
from local.cloud.routing.aliases import RefusedError
from local.cloud.violations import Violation, violations
from local.cloud.wire import ServiceError, read

_BOUNDS = {"MemorySize": (128, 10_240), "Timeout": (1, 900)}
"""Bounds of functions that do not run on managed instances; the model's bounds include those."""
_MOST_ENVIRONMENT = 4096
_MOST_LAYERS = 5
_RESERVED = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
_PRINCIPAL = "lambda.amazonaws.com"


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam(MODULE, "_fetch_code_from_s3", "bucket key version_id"),
        Seam("services.s3", "_bucket_owner_account", "name"),
        Seam("core.responses", "get_account_id", ""),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    seam = Seam(MODULE, "_update_config", "name data")
    return [Patch(seam, "a dead-letter configuration without a target stayed", _without_dead_letters)]


def _without_dead_letters(original: Callable[..., Any]) -> Callable[..., Any]:
    def update(name: str, data: dict[str, Any]) -> Any:
        response = original(name, data)
        if response[0] >= 300:
            return response
        service = ministack(MODULE)
        config = service._functions[name]["config"]
        if not (config.get("DeadLetterConfig") or {}).get("TargetArn"):
            config.pop("DeadLetterConfig", None)
        return service.json_response(config)

    return update


def _invalid(message: str) -> RefusedError:
    return RefusedError("InvalidParameterValueException", message)


# By the model


def by_model(request: Request) -> None:
    """Raise ValidationException if the body violates the operation's model."""
    known = model("lambda")
    found = list(_violations(known.operation_model(request.operation), request.data)) if known else []
    runtime = next((each for each in found if each.member == "Runtime" and not each.missing), None)
    if runtime is not None:
        raise _invalid(
            f"Value {runtime.value} at 'runtime' failed to satisfy constraint: {runtime.constraint} or be a valid ARN"
        )
    if found:
        plural = "" if len(found) == 1 else "s"
        text = f"{len(found)} validation error{plural} detected: {'; '.join(map(str, found))}"
        raise RefusedError("ValidationException", text)


def _violations(operation: OperationModel, data: Any) -> Iterator[Violation]:
    shape = operation.input_shape
    if not isinstance(data, Mapping):
        raise RefusedError("SerializationException", f"The body is a {type(data).__name__}, not an object")
    try:
        given = read("json", shape, json.dumps(data).encode(), {})
    except ServiceError as error:
        raise RefusedError(error.code, error.message, error.status) from error
    elsewhere = {f"{name[0].lower()}{name[1:]}" for name, member in shape.members.items() if _located(member)}
    yield from (found for found in violations(shape, given) if found.path not in elsewhere)
    if "CapacityProviderConfig" in given:
        return
    for name, (least, most) in _BOUNDS.items():
        where = f"{name[0].lower()}{name[1:]}"
        if name in given and shape.members[name].metadata["min"] <= given[name] < least:
            yield Violation(where, name, given[name], f"Member must have value greater than or equal to {least}")
        if name in given and most < given[name] <= shape.members[name].metadata["max"]:
            yield Violation(where, name, given[name], f"Member must have value less than or equal to {most}")


def _located(member: Shape) -> bool:
    """Return True if a member is in the path, the query or a header."""
    return "location" in member.serialization


# Checks that the model does not have


def _known(request: Request) -> None:
    request.record()


def _role(request: Request) -> None:
    arn = request.data.get("Role")
    if arn is None:
        return
    account = ministack("core.responses").get_account_id()
    if arn.split(":")[4] != account:
        raise RefusedError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    name = request.data.get("FunctionName") or request.function
    source = str(ministack(MODULE)._func_arn(name))
    if not (trust.exists(arn, account) and trust.assumable(arn, _PRINCIPAL, source)):
        raise _invalid("The role defined for the function cannot be assumed by Lambda.")


def _tracing(request: Request) -> None:
    """Refuse active tracing by a role that may not send traces: https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"""
    if (request.data.get("TracingConfig") or {}).get("Mode") != "Active":
        return
    name = request.data.get("FunctionName") or request.function
    role = request.data.get("Role") or request.record()["config"]["Role"]
    if not guard.acts(role, name, "xray:PutTraceSegments", "*"):
        raise _invalid("The provided execution role does not have permissions to call PutTraceSegments on XRAY")


def _environment(request: Request) -> None:
    variables = (request.data.get("Environment") or {}).get("Variables") or {}
    if taken := [name for name in variables if name in _RESERVED]:
        raise _invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(taken)}"
        )
    text = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > _MOST_ENVIRONMENT:
        raise _invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {text}"
        )


def _layers(request: Request) -> None:
    listed = request.data.get("Layers") or []
    if len(listed) > _MOST_LAYERS:
        raise _invalid(f"cannot reference more than {_MOST_LAYERS} layers")
    if len({arn.rpartition(":")[0] for arn in listed}) < len(set(listed)):
        raise _invalid(
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{' '.join(listed)}"
        )


def _mandatory(request: Request) -> None:
    zipped = request.data.get("PackageType", "Zip") == "Zip" and "ImageUri" not in (request.data.get("Code") or {})
    if zipped and not (request.data.get("Runtime") and request.data.get("Handler")):
        raise _invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")


def _code(request: Request) -> None:
    code = request.data.get("Code", {}) if request.operation == "CreateFunction" else request.data
    if "ZipFile" in code:
        _not_empty(base64.b64decode(code["ZipFile"]))
    if "ImageUri" in code or "ZipFile" in code:
        return
    if not (code.get("S3Bucket") and code.get("S3Key")):
        raise _invalid("Please provide a source for function code.")
    service: Any = ministack(MODULE)
    if service.s3_code_region_message(code["S3Bucket"]) is not None:
        return  # refused in ministack's words, which are AWS's
    owner = ministack("services.s3")._bucket_owner_account(code["S3Bucket"])
    if owner is None:
        raise _s3("NoSuchBucket", "The specified bucket does not exist")
    found = service._fetch_code_from_s3(code["S3Bucket"], code["S3Key"], code.get("S3ObjectVersion"))
    if found is None:
        if owner != ministack("core.responses").get_account_id():
            raise _s3("AccessDenied", "Access Denied")
        raise _s3("NoSuchKey", "The specified key does not exist.")
    _not_empty(found)


def _not_empty(code: bytes) -> None:
    """Refuse an empty archive; ministack itself refuses what is no archive."""
    with contextlib.suppress(zipfile.BadZipFile):
        if not zipfile.ZipFile(io.BytesIO(code)).namelist():
            raise _invalid("Uploaded file must be a non-empty zip")


def _s3(code: str, message: str) -> RefusedError:
    return _invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")


_OTHERS = (
    "AddPermission",
    "CreateAlias",
    "CreateFunctionUrlConfig",
    "PublishVersion",
    "PutFunctionConcurrency",
    "PutFunctionEventInvokeConfig",
    "PutFunctionRecursionConfig",
    "PutProvisionedConcurrencyConfig",
    "UpdateAlias",
    "UpdateFunctionEventInvokeConfig",
    "UpdateFunctionUrlConfig",
)
CHECKS: dict[str, Sequence[Check]] = {
    "CreateFunction": (by_model, _mandatory, _environment, _layers, _role, _tracing, _code),
    "UpdateFunctionCode": (by_model, _known, _code),
    "UpdateFunctionConfiguration": (by_model, _known, _environment, _layers, _role, _tracing),
    **dict.fromkeys(_OTHERS, (by_model,)),
}
