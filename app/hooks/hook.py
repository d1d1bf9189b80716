"""The `hook` decorator makes a check a Lambda handler that answers CodeDeploy once, whatever happens in the check.

CodeDeploy invokes a hook asynchronously and waits an hour for its answer; a hook that raises or times out does not
answer. CodeDeploy takes no reason, so the log has it: one ERROR line for each failure, `NAME: REASON`.
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
"""Seconds that are reserved for the answer: three tries of 1 + 2 s, and the pauses between them."""

LOG = logging.getLogger(__name__)
LOG.setLevel(logging.INFO)  # the root logger, whose handler is Lambda's, takes warnings only


class Context(Protocol):
    """The part of Lambda's context that a hook reads."""

    def get_remaining_time_in_millis(self) -> int: ...


Check = Callable[[str], Iterable[str]]
"""Takes the deployment's id, and yields a sentence for each failure. A deployment without failures goes on."""
Handler = Callable[[dict[str, Any], Context], None]
Status = Literal["Succeeded", "Failed"]


class NoTimeLeftError(BaseException):
    """Lambda will soon end the function. It is no Exception, so that no handler in between catches it."""


def hook(name: str) -> Callable[[Check], Handler]:
    """Return a decorator that makes a check a Lambda handler. `name` begins each of its log lines.

    The handler raises only where it could not answer CodeDeploy: Lambda then invokes it again, after one minute and
    after two, when a new role may have its rights. It raises ValueError where the event is not CodeDeploy's.
    """

    def around(check: Check) -> Handler:
        @wraps(check)
        def handler(event: dict[str, Any], context: Context) -> None:
            deployment, execution = _ids(name, event)
            answer(name, deployment, execution, "Succeeded" if _passes(name, check, deployment, context) else "Failed")

        return handler

    return around


def answer(name: str, deployment: str, execution: str, status: Status) -> None:
    """Answer CodeDeploy. A late answer is no fault: an operator or an alarm has ended the deployment.

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
    """Return a client whose calls are tried three times."""
    retries = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("codedeploy", config=retries)


def _ids(name: str, event: dict[str, Any]) -> tuple[str, str]:
    try:
        return event["DeploymentId"], event["LifecycleEventHookExecutionId"]
    except (KeyError, TypeError):
        raise ValueError(
            f"{name}: the event is {str(event)[:200]}, but CodeDeploy sends DeploymentId and "
            "LifecycleEventHookExecutionId; invoke the hook by a deployment"
        ) from None


def _passes(name: str, check: Check, deployment: str, context: Context) -> bool:
    passes = True
    try:
        with _time_limit(context.get_remaining_time_in_millis() / 1000 - ANSWERING):
            for reason in check(deployment):
                LOG.error("%s: %s", name, reason)
                passes = False
    except BaseException as error:  # NoTimeLeftError is no Exception, and CodeDeploy must get an answer in any case
        LOG.warning("%s: deployment %s", name, deployment, exc_info=True)
        LOG.error("%s: deployment %s could not be judged: %s: %s", name, deployment, type(error).__name__, error)
        return False
    return passes


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise NoTimeLeftError in the block once its time is over. Lambda runs handlers in the main thread."""

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
