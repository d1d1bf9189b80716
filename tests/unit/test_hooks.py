"""Every hook answers CodeDeploy once, whatever happens in it, and logs the reason."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from app.hooks import bake
from app.hooks.hook import ANSWERING, Handler, codedeploy, hook
from tests.unit.hooks_kit import ANSWER, EVENT, Aws, Context, done, in_turn, refuses

WAIT = time.sleep  # the kit lets botocore's pauses pass at once


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    return Aws(monkeypatch)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def finds(*reasons: str) -> Handler:
    @hook("demo")
    def handler(_: str) -> tuple[str, ...]:
        return reasons

    return handler


def raises(error: BaseException) -> Handler:
    @hook("demo")
    def handler(_: str) -> Iterator[str]:
        yield "one thing is wrong"
        raise error

    return handler


def test_a_hook_that_finds_nothing_wrong_lets_the_deployment_go_on(aws: Aws) -> None:
    finds()(EVENT, Context())
    assert aws.sent == [
        (
            ANSWER,
            {
                "deploymentId": "d-ABCDEFGHI",
                "lifecycleEventHookExecutionId": "execution-1",
                "status": "Succeeded",
            },
        )
    ]


def test_a_hook_that_finds_something_wrong_fails_it_with_a_line_for_each(
    aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    finds("the door is shut", "the light is out")(EVENT, Context())
    assert aws.answers == ["Failed"]
    assert errors(caplog) == ["demo: the door is shut", "demo: the light is out"]


@pytest.mark.parametrize("error", [KeyError("SERVICES"), SystemExit(1), KeyboardInterrupt(), RecursionError("deep")])
def test_a_hook_that_raises_answers_all_the_same_and_raises_nothing(
    aws: Aws, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    raises(error)(EVENT, Context())
    assert aws.answers == ["Failed"]
    assert errors(caplog) == [
        "demo: one thing is wrong",
        f"demo: deployment d-ABCDEFGHI could not be judged: {type(error).__name__}: {error}",
    ]


def test_the_last_line_of_an_exception_stands_by_itself_and_its_traceback_before_it(
    aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    raises(ValueError("no"))(EVENT, Context())
    *_, traceback, last, _ = caplog.records
    assert traceback.exc_info
    assert not last.exc_info
    assert last.levelno == logging.ERROR


def test_a_hook_answers_before_lambda_ends_it(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    @hook("demo")
    def waits(_: str) -> tuple[()]:
        WAIT(60)
        return ()

    began = time.monotonic()
    waits(EVENT, Context(int(ANSWERING * 1000) + 50))
    assert time.monotonic() - began < 30
    assert aws.answers == ["Failed"]
    assert "NoTimeLeftError: Lambda would have ended the hook before it could answer" in errors(caplog)[0]


def test_code_that_catches_every_exception_does_not_catch_the_end_of_time(aws: Aws) -> None:
    @hook("demo")
    def stubborn(_: str) -> tuple[()]:
        while True:
            try:
                WAIT(60)
            except Exception:  # noqa: S112 - as code on the way might
                continue

    stubborn(EVENT, Context(int(ANSWERING * 1000) + 50))
    assert aws.answers == ["Failed"]


def test_a_hook_that_begins_too_late_does_nothing_but_answer(aws: Aws) -> None:
    @hook("demo")
    def unreachable(_: str) -> tuple[()]:
        raise AssertionError("there is no time for this")

    unreachable(EVENT, Context(int(ANSWERING * 1000)))
    assert aws.answers == ["Failed"]


def test_no_alarm_clock_is_left_ticking(aws: Aws) -> None:
    before = signal.getsignal(signal.SIGALRM)
    for handler in (finds(), raises(ValueError("no"))):
        handler(EVENT, Context())
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert signal.getsignal(signal.SIGALRM) is before


@pytest.mark.parametrize("event", [{}, {"DeploymentId": "d-1"}, {"Records": []}, [], None, "text"])
def test_an_event_that_is_not_codedeploys_raises_since_codedeploy_waits_for_no_answer(aws: Aws, event: Any) -> None:
    with pytest.raises(ValueError, match=r"demo: the event is .*, but CodeDeploy sends DeploymentId and"):
        finds()(event, Context())
    assert aws.sent == []


def test_an_answer_that_is_lost_on_the_way_is_given_again(aws: Aws) -> None:
    aws.responds[ANSWER] = in_turn(refuses("InternalFailure", 500), refuses("ThrottlingException"), done)
    finds()(EVENT, Context())
    assert aws.answers == ["Succeeded"] * 3


def test_an_answer_that_arrived_although_its_receipt_was_lost_counts(aws: Aws) -> None:
    def lost(_: dict[str, Any]) -> Any:
        raise ConnectionClosedError(endpoint_url="https://codedeploy.example")

    aws.responds[ANSWER] = in_turn(lost, refuses("LifecycleEventAlreadyCompletedException"))
    finds()(EVENT, Context())
    assert aws.answers == ["Succeeded"] * 2


@pytest.mark.parametrize(
    ("code", "status", "tries"), [("AccessDeniedException", 400, 1), ("InternalFailure", 500, 3)], ids=str
)
def test_an_answer_that_codedeploy_does_not_take_is_raised_so_that_lambda_calls_again(
    aws: Aws, code: str, status: int, tries: int
) -> None:
    aws.responds[ANSWER] = refuses(code, status)
    with pytest.raises(ClientError, match=code):
        finds()(EVENT, Context())
    assert aws.answers == ["Succeeded"] * tries


def test_a_deployment_that_ended_meanwhile_is_no_fault_of_the_hook(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    aws.responds[ANSWER] = refuses("LifecycleEventAlreadyCompletedException")
    finds()(EVENT, Context())
    assert errors(caplog) == []


def test_the_time_kept_for_the_answer_is_enough_for_every_try_of_it(aws: Aws) -> None:
    config: Any = codedeploy().meta.config
    tries = config.retries["total_max_attempts"]
    pauses = sum(2**number for number in range(tries - 1))
    assert tries * (config.connect_timeout + config.read_timeout) + pauses < ANSWERING


@pytest.mark.parametrize(("rate", "seconds"), [(None, 300), ("", 300), ("40", 7.5)])
def test_a_bake_holds_the_deployment_open_for_its_minutes_and_then_lets_it_go(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, rate: str | None, seconds: float
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setenv("BAKE_MINUTES", "5")
    monkeypatch.delenv("STRATA_CLOCK_RATE", raising=False)
    if rate is not None:
        monkeypatch.setenv("STRATA_CLOCK_RATE", rate)
    bake.handler(EVENT, Context(360_000))
    assert slept == [seconds]
    assert aws.answers == ["Succeeded"]


def test_a_bake_that_does_not_know_its_minutes_fails_the_deployment_and_says_so(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("BAKE_MINUTES", raising=False)
    bake.handler(EVENT, Context())
    assert aws.answers == ["Failed"]
    assert "KeyError: 'BAKE_MINUTES'" in errors(caplog)[-1]


def test_the_hooks_need_no_package_that_lambda_does_not_bring() -> None:
    program = "import app.hooks.smoke, app.hooks.bake, sys; print('aws_lambda_powertools' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
