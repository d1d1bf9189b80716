"""A hook that never answers: which error code the deployment ends with, after an hour.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ErrorInformation.html lists HOOK_EXECUTION_FAILURE and
TIMEOUT, and does not say which of them it is.
"""

from collections.abc import Callable
from typing import Any

from tests.aws import made

HOUR = 60  # minutes that CodeDeploy gives a hook


def test_a_hook_that_never_answers_ends_the_deployment_with_a_code_that_rejects(
    session: Any, undo: list[Any], record_property: Callable[[str, object], None]
) -> None:
    """With which code does a deployment end whose hook never answers?"""
    role = made.role(session, undo, "lambda.amazonaws.com")
    name = made.alias(session, made.function(session, undo, role))
    hook = made.function(session, undo, role, name=f"CodeDeployHook_{made.fresh('h')}")
    group = made.group(session, undo, "CodeDeployDefault.LambdaAllAtOnce")
    canary = made.published(session, name, f"{made.GOOD}# 2\n")
    id_ = made.deployment(session, group, name, canary, {"BeforeAllowTraffic": hook})
    info = made.ended(session, id_, HOUR + 10)
    error = info.get("errorInformation", {})
    record_property("answer", f"{info['status']}, {error.get('code')}: {error.get('message')}")
    assert info["status"] == "Failed"
    assert error["code"] in {"HOOK_EXECUTION_FAILURE", "TIMEOUT"}
