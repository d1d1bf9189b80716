"""Stores the retries of asynchronous calls: settings of a function, a version or an alias.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

import time
from typing import Any

from local.cloud.ministack import Seam
from local.cloud.patches.lambda_api import MODULE, Request, Response, Route
from local.cloud.routing.aliases import RefusedError

_LATEST = "$LATEST"
_PAGE = 50
_SETTINGS = ("DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts")


def needs() -> list[Seam]:
    """What is called without being replaced."""
    return [Seam(MODULE, "_validate_destination_config", "destination_config")]


def _missing() -> RefusedError:
    return RefusedError("ResourceNotFoundException", "The function doesn't exist.", 404)


def _exists(service: Any, call: Request) -> dict[str, Any] | None:
    function: dict[str, Any] | None = service._functions.get(call.function)
    known = function is not None and (
        call.qualifier in {None, _LATEST} or call.qualifier in {**function["aliases"], **function["versions"]}
    )
    return function if known else None


def _qualified(call: Request) -> str:
    return f"{call.arn()}:{call.qualifier or _LATEST}"


# Asynchronous calls


def _check_destinations(service: Any, call: Request) -> None:
    for wanted in (call.data.get("DestinationConfig") or {}).values():
        target = (wanted or {}).get("Destination") or ""
        if ":function:" not in target:
            continue
        name, _ = service._resolve_request_scoped_name_and_qualifier(target)
        if name == call.function:
            raise RefusedError(
                "InvalidParameterValueException", "You can't specify the function as a destination for itself."
            )
        if name not in service._functions:
            raise RefusedError("InvalidParameterValueException", f"The destination ARN {target} is invalid.")


def _put(service: Any, call: Request, kept: dict[str, Any]) -> Response:
    function = _exists(service, call)
    if function is None:
        raise _missing()
    given = {name: call.data[name] for name in _SETTINGS if call.data.get(name) is not None}
    if not given:
        raise RefusedError(
            "InvalidParameterValueException", "You must specify at least one of error handling or destination setting."
        )
    if (refused := service._validate_destination_config(given.get("DestinationConfig"))) is not None:
        return refused  # type: ignore[no-any-return]
    _check_destinations(service, call)
    config = {**kept, **given}
    config["DestinationConfig"] = {"OnSuccess": {}, "OnFailure": {}} | (config.get("DestinationConfig") or {})
    config |= {"FunctionArn": _qualified(call), "LastModified": time.time()}
    function.setdefault("event_invoke_configs", {})[call.qualifier or _LATEST] = config
    return service.json_response(config)  # type: ignore[no-any-return]


def _found(service: Any, call: Request) -> dict[str, Any]:
    configs = (service._functions.get(call.function) or {}).get("event_invoke_configs") or {}
    found: dict[str, Any] | None = configs.get(call.qualifier or _LATEST)
    if found is None:
        text = f"The function {_qualified(call)} doesn't have an EventInvokeConfig"
        raise RefusedError("ResourceNotFoundException", text, 404)
    return found


def _update(service: Any, call: Request) -> Response:
    if _exists(service, call) is None:
        raise _missing()
    return _put(service, call, _found(service, call))


def _delete(service: Any, call: Request) -> Response:
    _found(service, call)
    del service._functions[call.function]["event_invoke_configs"][call.qualifier or _LATEST]
    return 204, {}, b""


def _list(service: Any, call: Request) -> Response:
    if call.function not in service._functions:
        raise _missing()
    configs = list((service._functions[call.function].get("event_invoke_configs") or {}).values())
    start = int(next(iter(call.query.get("Marker", ())), 0))
    end = start + int(next(iter(call.query.get("MaxItems", ())), _PAGE))
    more = {"NextMarker": str(end)} if len(configs) > end else {}
    return service.json_response({"FunctionEventInvokeConfigs": configs[start:end], **more})  # type: ignore[no-any-return]


# Provisioned concurrency: nothing here has any


def _no_provisioning(_: Any, call: Request) -> Response:
    call.record()
    raise RefusedError("InvalidParameterValueException", "Provisioned concurrency is not imitated by the local cloud.")


def _not_provisioned(_: Any, call: Request) -> Response:
    call.record()
    text = "No Provisioned Concurrency Config found for this function"
    raise RefusedError("ProvisionedConcurrencyConfigNotFoundException", text, 404)


def _list_provisioned(service: Any, call: Request) -> Response:
    call.record()
    return service.json_response({"ProvisionedConcurrencyConfigs": []})  # type: ignore[no-any-return]


ROUTES: dict[str, Route] = {
    "DeleteFunctionEventInvokeConfig": _delete,
    "GetFunctionEventInvokeConfig": lambda service, call: service.json_response(_found(service, call)),
    "ListFunctionEventInvokeConfigs": _list,
    "PutFunctionEventInvokeConfig": lambda service, call: _put(service, call, {}),
    "UpdateFunctionEventInvokeConfig": _update,
    "DeleteProvisionedConcurrencyConfig": lambda _, __: (204, {}, b""),
    "GetProvisionedConcurrencyConfig": _not_provisioned,
    "ListProvisionedConcurrencyConfigs": _list_provisioned,
    "PutProvisionedConcurrencyConfig": _no_provisioning,
}
