"""Keeps the policy of a function apart from those of its versions and aliases.

https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches.lambda_api import MODULE, Request, Response, Route
from local.cloud.routing.aliases import RefusedError

_MOST_BYTES = 20_480
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_LATEST = "$LATEST"


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam(MODULE, "_add_permission", "func_name data query_params path_qualifier"),
        Seam(MODULE, "_get_policy", "func_name query_params path_qualifier"),
        Seam(MODULE, "_remove_permission", "func_name sid query_params path_qualifier"),
        Seam(MODULE, "_validate_function_qualifier_exists", "func_name qualifier"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    seam = Seam(MODULE, "function_policy_for_arn", "resource_arn")
    return [Patch(seam, "what judges a call saw the policies of all versions and aliases as one", _of_the_qualifier)]


def _of_the_qualifier(original: Callable[[str], Any]) -> Callable[[str], Any]:
    def policy(resource_arn: str) -> Any:
        found = original(resource_arn)
        if found is None:
            return None
        document, owner = found
        own = [statement for statement in document["Statement"] if statement["Resource"] == resource_arn]
        return ({**document, "Statement": own}, owner)

    return policy


@contextmanager
def _only(function: dict[str, Any], resource: str) -> Iterator[dict[str, Any]]:
    """Show ministack only the statements of one resource while the block runs."""
    policy = function["policy"]
    own = [statement for statement in policy["Statement"] if statement["Resource"] == resource]
    others = [statement for statement in policy["Statement"] if statement["Resource"] != resource]
    function["policy"] = {**policy, "Statement": own}
    try:
        yield function["policy"]
    finally:
        policy["Statement"] = [*others, *function["policy"]["Statement"]]
        function["policy"] = policy


def _resource(call: Request) -> str:
    """Return the ARN of the policy's resource. Raises RefusedError if the resource does not exist."""
    function = call.record()
    if call.qualifier is None:
        return call.arn()
    if call.qualifier == _LATEST:
        raise RefusedError("InvalidParameterValueException", "We currently do not support adding policies for $LATEST.")
    resource = f"{call.arn()}:{call.qualifier}"
    if call.qualifier not in function["aliases"] and call.qualifier not in function["versions"]:
        raise RefusedError("ResourceNotFoundException", f"Function not found: {resource}", 404)
    return resource


def _revised(call: Request) -> dict[str, Any]:
    """Return what has the RevisionId: the alias, or the configuration of the version or the function."""
    function = call.record()
    if call.qualifier in function["aliases"]:
        found: dict[str, Any] = function["aliases"][call.qualifier]
        return found
    config: dict[str, Any] = function["versions"].get(call.qualifier, function)["config"]
    return config


def _check_revision(call: Request, given: str | None) -> None:
    if given and given != _revised(call)["RevisionId"]:
        raise RefusedError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the "
            "latest Revision Id",
            412,
        )


def _add(service: Any, call: Request) -> Response:
    resource = _resource(call)
    with _only(call.record(), resource) as policy:
        _check_revision(call, call.data.get("RevisionId"))
        before = list(policy["Statement"])
        response: Response = service._add_permission(call.function, call.data, call.query, call.qualifier)
        size = len(json.dumps(policy, separators=(",", ":")))
        if size > _MOST_BYTES:
            policy["Statement"] = before
            raise RefusedError(
                "PolicyLengthExceededException",
                f"The final policy size ({size}) is bigger than the limit ({_MOST_BYTES}).",
            )
    if response[0] < 300:
        _revised(call)["RevisionId"] = str(uuid.uuid4())
    return response


def _remove(service: Any, call: Request) -> Response:
    resource = _resource(call)
    with _only(call.record(), resource) as policy:
        if not policy["Statement"]:
            raise RefusedError("ResourceNotFoundException", "No policy is associated with the given resource.", 404)
        if all(statement["Sid"] != call.named for statement in policy["Statement"]):
            raise RefusedError(
                "ResourceNotFoundException", f"Statement {call.named} is not found in resource policy.", 404
            )
        _check_revision(call, next(iter(call.query.get("RevisionId", ())), None))
        response: Response = service._remove_permission(call.function, call.named, call.query, call.qualifier)
    _revised(call)["RevisionId"] = str(uuid.uuid4())
    return response


def _get(service: Any, call: Request) -> Response:
    resource = _resource(call)
    with _only(call.record(), resource) as policy:
        if not policy["Statement"]:
            raise RefusedError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        shown = {"Policy": json.dumps(policy), "RevisionId": _revised(call)["RevisionId"]}
    return service.json_response(shown)  # type: ignore[no-any-return]


def forget(call: Request, qualifier: str) -> None:
    """Delete the policy of a deleted alias or version."""
    function = ministack(MODULE)._functions.get(call.function)
    if function is not None:
        with _only(function, f"{call.arn()}:{qualifier}") as policy:
            policy["Statement"] = []


def _delete_alias(service: Any, call: Request) -> Response:
    response: Response = service._delete_alias(call.function, call.named)
    if response[0] < 300:
        forget(call, call.named)
    return response


def _delete_function(service: Any, call: Request) -> Response:
    response: Response = service._delete_function(call.function, call.query, call.qualifier)
    if response[0] < 300 and call.qualifier:
        forget(call, call.qualifier)
    return response


ROUTES: dict[str, Route] = {
    "AddPermission": _add,
    "GetPolicy": _get,
    "RemovePermission": _remove,
    "DeleteAlias": _delete_alias,
    "DeleteFunction": _delete_function,
}
