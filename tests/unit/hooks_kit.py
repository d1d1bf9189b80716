"""Shared by the tests of `app.hooks`: boto3 clients of CodeDeploy and Lambda with answers made here, and a context."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from app.hooks import hook, smoke

EVENT = {"DeploymentId": "d-ABCDEFGHI", "LifecycleEventHookExecutionId": "execution-1"}
ANSWER = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"
Respond = Callable[[dict[str, Any]], tuple[int, dict[str, Any], dict[str, str]]]


@dataclass
class Context:
    """Lambda's context, with some time left."""

    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class Raw(io.BytesIO):
    """A response's body as urllib3 streams it."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


def done(_: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
    """CodeDeploy accepts the answer."""
    return 200, {"lifecycleEventHookExecutionId": "execution-1"}, {}


def refuses(code: str, status: int = 400) -> Respond:
    """CodeDeploy answers with an error."""
    return lambda _: (status, {"__type": code, "message": "no"}, {})


def in_turn(*responses: Respond) -> Respond:
    """Answer each call by the next of these."""
    left = list(responses)

    def respond(body: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        return left.pop(0)(body)

    return respond


class Aws:
    """Real clients that send nothing: `responds` answers by operation, `sent` records the requests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.responds: dict[str, Respond] = {ANSWER: done}
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setattr("time.sleep", lambda _: None)
        for made in (hook.codedeploy, smoke.lambda_):
            made.cache_clear()
        codedeploy, lambda_ = hook.codedeploy(), smoke.lambda_()
        respond: Any = self._answer  # what it returns is taken for the service's answer
        codedeploy.meta.events.register("before-send.codedeploy", respond)
        lambda_.meta.events.register("before-send.lambda", respond)

    @property
    def answers(self) -> list[str]:
        """Return the statuses that the hook sent to CodeDeploy."""
        return [body["status"] for name, body in self.sent if name == ANSWER]

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        target = request.headers.get("X-Amz-Target")
        name = target.decode() if isinstance(target, bytes) else str(target or request.url.partition("/functions/")[2])
        sent: Any = request.body
        body = json.loads(sent or b"{}")
        self.sent.append((name, body))
        respond = self.responds[name]
        status, answer, headers = respond(body)
        return AWSResponse(request.url, status, headers, Raw(json.dumps(answer).encode()))  # type: ignore[arg-type]
