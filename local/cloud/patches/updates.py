"""Shows a function's creation and updates in State and LastUpdateStatus, and refuses calls meanwhile.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches.lambda_api import MODULE, Check, Request
from local.cloud.routing.aliases import RefusedError
from local.cloud.routing.invocation import BEFORE

_SECONDS = 2.0
"""Simulated seconds; AWS documents no duration."""
_LEAST = 0.05
"""Real seconds, so that a fast client sees the state at any factor."""
_REASONS = ("StateReason", "StateReasonCode", "LastUpdateStatusReason", "LastUpdateStatusReasonCode")
_CREATING: set[int] = set()
"""The records of Pending functions, by identity: a check that every invocation makes must be cheap."""

Original = Callable[..., Any]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    changed = "an update began at once to be what answers calls, and a second one was taken meanwhile"
    return [
        Patch(
            Seam(MODULE, "_schedule_state_transition", "func_name delay"),
            "a changed function was Pending, its RevisionId stayed when it was done, and half a second is long here",
            lambda _: _begin,
        ),
        Patch(Seam(MODULE, "_update_code", "name data"), changed, _keep_what_was),
        Patch(Seam(MODULE, "_update_config", "name data"), changed, _keep_what_was),
    ]


def _begin(func_name: str, delay: float) -> None:  # noqa: ARG001 - ministack's own half a second
    """Show a new function as Pending, a changed one as InProgress, and each as done after a while."""
    function = ministack(MODULE)._functions[func_name]
    config = function["config"]
    new = config["StateReasonCode"] == "Creating"
    for name in ("LastUpdateStatus", *_REASONS):
        config.pop(name, None)
    if new:
        _CREATING.add(id(function))
        config |= {"State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    else:
        config |= {
            "State": "Active",
            "LastUpdateStatus": "InProgress",
            "LastUpdateStatusReason": "The function is being created.",
            "LastUpdateStatusReasonCode": "Creating",
        }
    threading.Thread(target=_end, args=(function,), daemon=True).start()


def _end(function: dict[str, Any]) -> None:
    time.sleep(max(_LEAST, CLOCK.real(_SECONDS)))
    function.pop(BEFORE, None)
    for config in (function["config"], *(version["config"] for version in list(function["versions"].values()))):
        if config["Version"] == "$LATEST":
            config["RevisionId"] = str(uuid.uuid4())
            settle(config)
        elif config.get("State") == "Pending" and config.get("SnapStart", {}).get("OptimizationStatus") != "On":
            settle(config)
    _CREATING.discard(id(function))


def settle(config: dict[str, Any]) -> None:
    """Show a configuration as active."""
    for name in _REASONS:
        config.pop(name, None)
    config |= {"State": "Active", "LastUpdateStatus": "Successful"}


def _keep_what_was(original: Original) -> Original:
    """Let calls use the earlier code and configuration until an update is done."""

    def update(name: str, data: dict[str, Any]) -> Any:
        function = ministack(MODULE)._functions.get(name)
        if function is None:
            return original(name, data)
        function[BEFORE] = {"config": dict(function["config"]), "code_zip": function["code_zip"]}
        response = original(name, data)
        if response[0] >= 300:
            function.pop(BEFORE, None)
        return response

    return update


def _not_pending(request: Request) -> None:
    if _CREATING and id(ministack(MODULE)._functions.get(request.function)) in _CREATING:
        raise RefusedError(
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
            409,
        )


def _not_in_progress(request: Request) -> None:
    service = ministack(MODULE)
    name = request.function or service._resolve_request_scoped_name_and_qualifier(request.named)[0]
    function = service._functions.get(name)
    if function is not None and function["config"].get("LastUpdateStatus") == "InProgress":
        raise RefusedError(
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: "
            f"{service._func_arn(name)}",
            409,
        )


CHECKS: dict[str, Sequence[Check]] = {
    "Invoke": (_not_pending,),
    "InvokeWithResponseStream": (_not_pending,),
    "PublishVersion": (_not_pending, _not_in_progress),
    "TagResource": (_not_in_progress,),
    "UpdateFunctionCode": (_not_pending, _not_in_progress),
    "UpdateFunctionConfiguration": (_not_pending, _not_in_progress),
}
