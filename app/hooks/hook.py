"""What makes a function a hook: whatever happens in it, CodeDeploy is answered, once.

CodeDeploy invokes a hook asynchronously and then waits an hour for an answer. A hook that raises, or whose time Lambda
ends, has just not answered. CodeDeploy takes no reason: that stands in the log, one ERROR line for each thing that is
wrong, `NAME: what is wrong`.
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#appspec-hooks-lambda
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Literal, Protocol

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_codedeploy import CodeDeployClient

ANSWERING = 15.0
"""Seconds that are kept for the answer: three tries of 1 + 2 s, and the pauses between them."""

LOG = logging.getLogger(__name__)
LOG.setLevel(logging.INFO)  # the root logger, whose handler is Lambda's, takes warnings only


class Context(Protocol):
    """What a hook reads of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int: ...


Check = Callable[[str], Iterable[str]]
"""Takes the deployment's id; yields what is wrong, in a sentence each. A deployment goes on where nothing is."""
Handler = Callable[[dict[str, Any], Context], None]
Status = Literal["Succeeded", "Failed"]


class NoTimeLeftError(BaseException):
    """Lambda will soon end the function. Not an Exception, so that nothing on the way takes it for one of its own."""


def hook(name: str) -> Callable[[Check], Handler]:
    """The Lambda handler around a check. `name` begins each of its log lines.

    The handler raises only where CodeDeploy could not be answered: Lambda then calls it again, after a minute and after
    two, when a role that was seconds old may have its rights. ValueError: the event is not CodeDeploy's.
    """

    def around(check: Check) -> Handler:
        @wraps(check)
        def handler(event: dict[str, Any], context: Context) -> None:
            deployment, execution = _ids(name, event)
            answer(name, deployment, execution, "Succeeded" if _passes(name, check, deployment, context) else "Failed")

        return handler

    return around


def answer(name: str, deployment: str, execution: str, status: Status) -> None:
    """Tell CodeDeploy. Too late is no fault: somebody or something ended the deployment.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_PutLifecycleEventHookExecutionStatus.html
    """
    client = codedeploy()
    try:
        client.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=execution, status=status
        )
    except client.exceptions.LifecycleEventAlreadyCompletedException:
        LOG.info("%s: deployment %s no longer waits for an answer", name, deployment)
    else:
        LOG.info("%s: deployment %s: %s", name, deployment, status)


@cache
def codedeploy() -> CodeDeployClient:
    """A client whose calls are tried three times."""
    retries = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("codedeploy", config=retries)


def _ids(name: str, event: dict[str, Any]) -> tuple[str, str]:
    try:
        return event["DeploymentId"], event["LifecycleEventHookExecutionId"]
    except (KeyError, TypeError):
        raise ValueError(
            f"{name}: the event is {str(event)[:200]}, but CodeDeploy sends DeploymentId and "
            "LifecycleEventHookExecutionId; nobody waits for an answer to this one"
        ) from None


def _passes(name: str, check: Check, deployment: str, context: Context) -> bool:
    passes = True
    try:
        with _time_limit(context.get_remaining_time_in_millis() / 1000 - ANSWERING):
            for reason in check(deployment):
                LOG.error("%s: %s", name, reason)
                passes = False
    except BaseException as error:  # also what is no Exception: nothing may keep CodeDeploy waiting
        LOG.warning("%s: deployment %s", name, deployment, exc_info=True)
        LOG.error("%s: deployment %s could not be judged: %s: %s", name, deployment, type(error).__name__, error)
        return False
    return passes


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises NoTimeLeftError within the block once its time is over. Lambda runs handlers in the main thread."""

    def ring(*_: object) -> None:
        raise NoTimeLeftError("Lambda would have ended the hook before it could answer")

    if seconds <= 0:
        ring()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
