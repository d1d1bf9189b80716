"""Lambda's calls about event source mappings.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html, and those of Get, Update, List, Delete
"""

from collections.abc import Sequence
from typing import Any

from local.cloud.ministack import Seam
from local.cloud.patches.configuration import by_model
from local.cloud.patches.lambda_api import MODULE, Check, Request, Response, Route
from local.cloud.routing.aliases import RefusedError
from local.cloud.sources import checks, destinations, filters, mappings, queues, streams
from local.cloud.sources.mappings import STABLE, Mapping
from local.cloud.sources.queues import QueueReader
from local.cloud.sources.shards import ShardReader
from local.cloud.sources.streams import MappedStream

_PAGE = 100
_OF_ALL: dict[str, Any] = {"MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "sqs": {"BatchSize": 10, **_OF_ALL},
    "dynamodb": {
        "BatchSize": 100,
        **_OF_ALL,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "LastProcessingResult": "No records processed",
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "TumblingWindowInSeconds": 0,
    },
}
_SETTINGS = (
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FilterCriteria",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ScalingConfig",
)
_REASON = {"sqs": "USER_INITIATED", "dynamodb": "User action"}


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    own = Seam(MODULE, "_resolve_request_scoped_name_and_qualifier", "name_or_arn")
    modules = (destinations, filters, mappings, queues, streams)
    return [own, *(seam for module in modules for seam in module.NEEDS)]


def _create(service: Any, call: Request) -> Response:
    data = call.data
    source = data.get("EventSourceArn") or ""
    kind = checks.kind(source)
    checks.given(data, source)
    checks.position(data, source)
    record = {
        **_DEFAULTS[kind],
        **_settings(data),
        **_named(service, data["FunctionName"]),
        "EventSourceArn": source,
        "State": "Creating",
        "StateTransitionReason": _REASON[kind],
        "Tags": dict(data.get("Tags") or {}),
    }
    if kind == "dynamodb":
        record["StartingPosition"] = data["StartingPosition"]
    account, region = service.get_account_id(), service.get_region()
    mapping = Mapping(account, region, record)
    checks.fits(mapping)
    mapping.reader = QueueReader(mapping) if kind == "sqs" else ShardReader(mapping, MappedStream(mapping))
    mapping.keep()
    mapping.change("Creating", "Disabled" if data.get("Enabled") is False else "Enabled")
    return service.json_response(mapping.view(), 202)  # type: ignore[no-any-return]


def _update(service: Any, call: Request) -> Response:
    mapping, data = _found(call), call.data
    checks.given(data, mapping.source)
    _at_rest(mapping, "update")
    changed = {**mapping.record, **_settings(data)}
    if data.get("FunctionName"):
        changed |= _named(service, data["FunctionName"])
    before = dict(mapping.record)
    mapping.record.update(changed)
    try:
        checks.fits(mapping)
    except RefusedError:
        mapping.record.clear()
        mapping.record.update(before)
        raise
    enabled = data.get("Enabled")
    was = mapping.state == "Enabled"
    wanted = was if enabled is None else enabled
    passing = "Updating" if wanted == was else "Enabling" if wanted else "Disabling"
    mapping.change(passing, "Enabled" if wanted else "Disabled")
    return service.json_response(mapping.view(), 202)  # type: ignore[no-any-return]


def _delete(service: Any, call: Request) -> Response:
    mapping = _found(call)
    _at_rest(mapping, "delete")
    mapping.change("Deleting", None)
    return service.json_response(mapping.view(), 202)  # type: ignore[no-any-return]


def _get(service: Any, call: Request) -> Response:
    return service.json_response(_found(call).view())  # type: ignore[no-any-return]


def _list(service: Any, call: Request) -> Response:
    def one(name: str) -> str:
        return str(next(iter(call.query.get(name, ())), ""))

    found = mappings.listed()
    if source := one("EventSourceArn"):
        found = [each for each in found if each.source == source]
    if function := one("FunctionName"):
        wanted = _arn(service, function)
        found = [each for each in found if each.record["FunctionArn"] == wanted]
    start, size = int(one("Marker") or 0), int(one("MaxItems") or _PAGE)
    page: dict[str, Any] = {"EventSourceMappings": [each.view() for each in found[start : start + size]]}
    if len(found) > start + size:
        page["NextMarker"] = str(start + size)
    return service.json_response(page)  # type: ignore[no-any-return]


def _found(call: Request) -> Mapping:
    found = mappings.found(call.named)
    if found is None:
        raise RefusedError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return found


def _at_rest(mapping: Mapping, what: str) -> None:
    """Refuse to change a mapping that is changing."""
    if mapping.state not in STABLE:
        raise RefusedError(
            "ResourceInUseException", f"Cannot {what} the event source mapping because it is in use.", 400
        )


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    found = {name: data[name] for name in _SETTINGS if data.get(name) is not None}
    if "DestinationConfig" in found:
        found["DestinationConfig"] = {"OnFailure": {}} | found["DestinationConfig"]
    return found


def _named(service: Any, function: str) -> dict[str, Any]:
    """Return how a mapping names its function. Raises RefusedError if that is not there."""
    name, qualifier = service._resolve_request_scoped_name_and_qualifier(function)
    if service._functions.get(name) is None:
        raise checks.invalid("Function does not exist")
    return {"FunctionName": name, "Qualifier": qualifier, "FunctionArn": _arn(service, function)}


def _arn(service: Any, function: str) -> str:
    name, qualifier = service._resolve_request_scoped_name_and_qualifier(function)
    arn = str(service._func_arn(name))
    return f"{arn}:{qualifier}" if qualifier else arn


CHECKS: dict[str, Sequence[Check]] = {
    "CreateEventSourceMapping": (by_model,),
    "UpdateEventSourceMapping": (by_model,),
}
ROUTES: dict[str, Route] = {
    "CreateEventSourceMapping": _create,
    "DeleteEventSourceMapping": _delete,
    "GetEventSourceMapping": _get,
    "ListEventSourceMappings": _list,
    "UpdateEventSourceMapping": _update,
}
