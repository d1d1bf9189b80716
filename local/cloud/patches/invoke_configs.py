"""How asynchronous calls are retried, and provisioned concurrency: settings of a function, a version or an alias.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html
"""

import time
from collections.abc import Sequence
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.ministack import Seam
from local.cloud.patches.lambda_api import MODULE, Check, Request, Response, Route
from local.cloud.routing.aliases import RefusedError

_LATEST = "$LATEST"
_PAGE = 50
_READY_SECONDS = 30.0
"""Simulated; AWS names no duration but "a minute or two" at most for small numbers."""
_SETTINGS = ("DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts")


def needs() -> list[Seam]:
    """What is called without being replaced."""
    return [Seam(MODULE, "_validate_destination_config", "destination_config"), Seam(MODULE, "_now_iso", "")]


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
    configs = service._functions[call.function].get("event_invoke_configs") or {}
    return _paged(service, call, "FunctionEventInvokeConfigs", list(configs.values()))


def _paged(service: Any, call: Request, name: str, items: list[Any]) -> Response:
    start = int(next(iter(call.query.get("Marker", ())), 0))
    size = int(next(iter(call.query.get("MaxItems", ())), _PAGE))
    page: dict[str, Any] = {name: items[start : start + size]}
    if len(items) > start + size:
        page["NextMarker"] = str(start + size)
    return service.json_response(page)  # type: ignore[no-any-return]


# Provisioned concurrency


def _provisionable(call: Request) -> None:
    """Raises RefusedError for what can have none, and for what is not there."""
    function = call.record()
    if call.qualifier in {None, _LATEST}:
        raise RefusedError(
            "InvalidParameterValueException",
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        )
    if call.qualifier not in {**function["aliases"], **function["versions"]}:
        raise RefusedError("ResourceNotFoundException", f"Function not found: {_qualified(call)}", 404)


def _provision(service: Any, call: Request) -> Response:
    wanted = call.data["ProvisionedConcurrentExecutions"]
    kept = call.record().setdefault("provisioned_concurrency", {})
    kept[call.qualifier] = {"wanted": wanted, "at": CLOCK.now(), "modified": service._now_iso()}
    return service.json_response(_shown(kept[call.qualifier]), 202)  # type: ignore[no-any-return]


def _shown(kept: dict[str, Any]) -> dict[str, Any]:
    ready = CLOCK.now() - kept["at"] >= CLOCK.real(_READY_SECONDS)
    there = kept["wanted"] if ready else 0
    return {
        "RequestedProvisionedConcurrentExecutions": kept["wanted"],
        "AvailableProvisionedConcurrentExecutions": there,
        "AllocatedProvisionedConcurrentExecutions": there,
        "Status": "READY" if ready else "IN_PROGRESS",
        "LastModified": kept["modified"],
    }


def _provisioned(service: Any, call: Request) -> Response:
    kept = call.record().get("provisioned_concurrency", {}).get(call.qualifier)
    if kept is None:
        text = "No Provisioned Concurrency Config found for this function"
        raise RefusedError("ProvisionedConcurrencyConfigNotFoundException", text, 404)
    return service.json_response(_shown(kept))  # type: ignore[no-any-return]


def _unprovision(_: Any, call: Request) -> Response:
    call.record().get("provisioned_concurrency", {}).pop(call.qualifier, None)
    return 204, {}, b""


def _list_provisioned(service: Any, call: Request) -> Response:
    kept = call.record().get("provisioned_concurrency", {})
    listed = [{"FunctionArn": f"{call.arn()}:{name}", **_shown(each)} for name, each in kept.items()]
    return _paged(service, call, "ProvisionedConcurrencyConfigs", listed)


CHECKS: dict[str, Sequence[Check]] = {
    "DeleteProvisionedConcurrencyConfig": (_provisionable,),
    "GetProvisionedConcurrencyConfig": (_provisionable,),
    "PutProvisionedConcurrencyConfig": (_provisionable,),
}
ROUTES: dict[str, Route] = {
    "DeleteFunctionEventInvokeConfig": _delete,
    "GetFunctionEventInvokeConfig": lambda service, call: service.json_response(_found(service, call)),
    "ListFunctionEventInvokeConfigs": _list,
    "PutFunctionEventInvokeConfig": lambda service, call: _put(service, call, {}),
    "UpdateFunctionEventInvokeConfig": _update,
    "DeleteProvisionedConcurrencyConfig": _unprovision,
    "GetProvisionedConcurrencyConfig": _provisioned,
    "ListProvisionedConcurrencyConfigs": _list_provisioned,
    "PutProvisionedConcurrencyConfig": _provision,
}
