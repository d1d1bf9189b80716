"""Publishes versions, and shows them and `$LATEST` as Lambda does.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches.lambda_api import MODULE, Request, Response, Route
from local.cloud.patches.updates import settle
from local.cloud.routing.aliases import RefusedError

_LATEST = "$LATEST"
_VOLATILE = ("FunctionArn", "LastModified", "RevisionId", "Version")
Original = Callable[..., Any]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    why = "the published version had the function's ARN"
    return [
        Patch(
            Seam(MODULE, "_publish_version", "name data"),
            "equal code and configuration published another version after an update; CodeSha256 was ignored",
            _publish_changes_only,
        ),
        Patch(Seam(MODULE, "_create_function", "data"), why, _publish_with_creation),
        Patch(Seam(MODULE, "_update_code", "name data"), why, _publish_with_code),
    ]


def fingerprint(config: dict[str, Any]) -> str:
    """Return a hash of a version's code and configuration, without what changes by itself."""
    lasting = {
        key: value
        for key, value in config.items()
        if key not in _VOLATILE and not key.startswith(("State", "LastUpdateStatus"))
    }
    return hashlib.sha256(json.dumps(lasting, sort_keys=True, default=str).encode()).hexdigest()


def _publish_changes_only(original: Original) -> Original:
    def publish(name: str, data: dict[str, Any]) -> Any:
        service = ministack(MODULE)
        function = service._functions.get(name)
        if function is None:
            return original(name, data)
        config, versions = function["config"], function["versions"]
        wanted = data.get("CodeSha256")
        if wanted and wanted != config["CodeSha256"]:
            raise RefusedError(
                "InvalidParameterValueException",
                f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({config['CodeSha256']}). "
                "Please try again with the CodeSHA256 in $LATEST.",
            )
        if data.get("RevisionId") and (refused := service._check_revision(config, data)) is not None:
            return refused
        latest = max(versions, key=int, default=None)
        mark = fingerprint(config)
        if latest and versions[latest].get("strata_fingerprint") == mark:
            return service.json_response(versions[latest]["config"], 201)
        response = original(name, data)
        newest = max(versions, key=int)
        versions[newest]["strata_fingerprint"] = mark
        return response

    return publish


def _publish_with_creation(original: Original) -> Original:
    """Return CreateFunction's answer with the version's number and the function's unqualified ARN."""

    def create(data: dict[str, Any]) -> Response:
        response: Response = original({**data, "Publish": False})
        if not data.get("Publish") or response[0] >= 300:
            return response
        service = ministack(MODULE)
        name = data["FunctionName"]
        service._publish_version(name, {})
        config = service._functions[name]["config"]
        return service.json_response({**config, "Version": "1"}, 201)  # type: ignore[no-any-return]

    return create


def _publish_with_code(original: Original) -> Original:
    """Return the version as the answer, under its own ARN. It can be called at once: only `$LATEST` is still
    changing."""

    def update(name: str, data: dict[str, Any]) -> Response:
        response: Response = original(name, {**data, "Publish": False})
        if not data.get("Publish") or response[0] >= 300:
            return response
        service = ministack(MODULE)
        _, headers, body = service._publish_version(name, {})
        config = service._functions[name]["versions"][json.loads(body)["Version"]]["config"]
        settle(config)
        return response[0], headers, service.json_response(config)[2]

    return update


def _shown(service: Any, call: Request, answer: Callable[[str, str | None], Response]) -> Response:
    """Make GetFunction and GetFunctionConfiguration name what was requested, also if it does not exist."""
    status, headers, body = answer(call.function, call.qualifier)
    if status == 404 and call.qualifier and call.function in service._functions:
        raise RefusedError("ResourceNotFoundException", f"Function not found: {call.arn()}:{call.qualifier}", 404)
    if status >= 300 or call.qualifier != _LATEST:
        return status, headers, body
    found = json.loads(body)
    found.get("Configuration", found)["FunctionArn"] = f"{call.arn()}:{_LATEST}"
    return status, headers, json.dumps(found).encode()


def _listed(service: Any, call: Request) -> Response:
    """Give `$LATEST` its qualifier in lists of versions too."""
    status, headers, body = service._list_versions(call.function, call.query)
    if status >= 300:
        return status, headers, body
    found = json.loads(body)
    for version in found["Versions"]:
        version["FunctionArn"] = f"{call.arn()}:{version['Version']}"
    return status, headers, json.dumps(found).encode()


ROUTES: dict[str, Route] = {
    "GetFunction": lambda service, call: _shown(service, call, service._get_function),
    "GetFunctionConfiguration": lambda service, call: _shown(service, call, service._get_function_config),
    "ListVersionsByFunction": _listed,
}
