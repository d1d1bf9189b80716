"""The smoke hook invokes the target version with its service's events, and logs each wrong answer."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from app.hooks import smoke
from app.hooks.expectation import wrong
from infra.release.aws import log_errors
from tests.unit.hooks_kit import ANSWER, EVENT, Aws, Context, Respond

GET_DEPLOYMENT = "CodeDeploy_20141006.GetDeployment"
INVOKE = "strata-prod-orders/invocations?Qualifier=7"
HEALTH: dict[str, dict[str, Any]] = {
    "event": {"routeKey": "GET /health", "rawPath": "/health"},
    "expect": {"statusCode": 200, "body": {"status": "ok"}},
}
ORDER: dict[str, dict[str, Any]] = {
    "event": {"routeKey": "POST /orders", "body": "{}"},
    "expect": {"statusCode": 201, "body": {"items": [{"quantity": 2}]}},
}


def revision(content: object, kind: str = "appSpecContent") -> Respond:
    text = content if isinstance(content, str) else json.dumps(content)
    return lambda _: (200, {"deploymentInfo": {"revision": {kind: {"content": text}}}}, {})


def appspec(function: str = "strata-prod-orders") -> dict[str, Any]:
    properties = {"Name": function, "Alias": "live", "CurrentVersion": "6", "TargetVersion": "7"}
    return {"version": 0.0, "Resources": [{function: {"Type": "AWS::Lambda::Function", "Properties": properties}}]}


class Smoke:
    """The smoke hook on a service with two events; `answers` are the function's, one after another."""

    def __init__(self, aws: Aws, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        monkeypatch.setattr(smoke, "APP", folder)
        monkeypatch.setenv("SERVICES", json.dumps({"strata-prod-orders": "orders"}))
        events = folder / "orders/smoke"
        events.mkdir(parents=True)
        (events / "health.json").write_text(json.dumps(HEALTH))
        (events / "a-create-order.json").write_text(json.dumps(ORDER))
        aws.responds[GET_DEPLOYMENT] = revision(appspec())
        aws.responds[INVOKE] = lambda _: self.answers.pop(0)

    def run(self, *answers: Any, raised: bool = False) -> list[str]:
        """Run the hook on these answers; return the statuses that it sent to CodeDeploy."""
        headers = {"X-Amz-Function-Error": "Unhandled"} if raised else {}
        self.answers = [(200, answer, headers) for answer in answers]
        smoke.handler(EVENT, Context())
        return self.aws.answers


def http(status: int, body: Any) -> dict[str, Any]:
    return {"statusCode": status, "body": body if isinstance(body, str) else json.dumps(body), "headers": {}}


GOOD = (http(201, {"id": "ord_1", "items": [{"quantity": 2, "sku": "X"}]}), http(200, {"status": "ok", "service": "o"}))


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smoke:
    return Smoke(Aws(monkeypatch), tmp_path, monkeypatch)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_version_that_answers_every_event_lets_the_deployment_go_on(hook: Smoke) -> None:
    assert hook.run(*GOOD) == ["Succeeded"]


def test_the_target_version_itself_is_invoked_with_each_event_marked_in_the_order_of_names(hook: Smoke) -> None:
    hook.run(*GOOD)
    names = [name for name, _ in hook.aws.sent]
    assert names == [GET_DEPLOYMENT, INVOKE, INVOKE, ANSWER]
    first, second = (body for name, body in hook.aws.sent if name == INVOKE)
    assert first == {**ORDER["event"], "smoke": True}
    assert second == {**HEALTH["event"], "smoke": True}


def test_the_version_is_read_from_the_deployment_however_its_appspec_came(hook: Smoke) -> None:
    hook.aws.responds[GET_DEPLOYMENT] = revision(appspec(), "string")
    assert hook.run(*GOOD) == ["Succeeded"]


def test_a_wrong_status_is_reported_with_what_was_sent_expected_and_got(
    hook: Smoke, caplog: pytest.LogCaptureFixture
) -> None:
    assert hook.run(http(500, {"message": "oops"}), GOOD[1]) == ["Failed"]
    assert lines(caplog) == [
        "smoke: version 7 of strata-prod-orders: a-create-order.json: POST /orders answered 500, expected 201 "
        '({"message": "oops"})'
    ]


def test_a_wrong_body_is_reported_with_every_member_that_is_wrong(
    hook: Smoke, caplog: pytest.LogCaptureFixture
) -> None:
    assert hook.run(http(201, {"items": [{"quantity": 3}]}), http(200, {})) == ["Failed"]
    assert lines(caplog) == [
        "smoke: version 7 of strata-prod-orders: a-create-order.json: POST /orders answered body.items[0].quantity 3, "
        "expected 2",
        "smoke: version 7 of strata-prod-orders: health.json: GET /health answered no body.status, expected ok",
    ]


def test_an_exception_of_the_version_is_reported_with_its_words(hook: Smoke, caplog: pytest.LogCaptureFixture) -> None:
    fault = {"errorType": "KeyError", "errorMessage": "'CHF'", "stackTrace": []}
    assert hook.run(fault, fault, raised=True) == ["Failed"]
    assert lines(caplog)[0] == (
        "smoke: version 7 of strata-prod-orders: a-create-order.json: POST /orders raised KeyError: 'CHF', expected 201"
    )


def test_a_version_that_does_not_load_is_reported(hook: Smoke, caplog: pytest.LogCaptureFixture) -> None:
    fault = {"errorType": "Runtime.ImportModuleError", "errorMessage": "Unable to import module 'app.orders.main'"}
    assert hook.run(fault, fault, raised=True) == ["Failed"]
    assert "raised Runtime.ImportModuleError: Unable to import module" in lines(caplog)[0]


def test_the_line_is_what_the_release_reads_of_the_hooks_log(hook: Smoke, caplog: pytest.LogCaptureFixture) -> None:
    hook.run(http(500, {}), GOOD[1])
    (line,) = lines(caplog)
    assert log_errors.last_line(f"[ERROR]\t2026-01-01T00:00:00.000Z\t6f1c3c1e\t{line}") == line


def test_a_long_answer_does_not_drown_the_line(hook: Smoke, caplog: pytest.LogCaptureFixture) -> None:
    hook.run(http(500, {"message": "oops\n" * 5000}), GOOD[1])
    assert len(lines(caplog)[0]) <= log_errors.LONGEST
    assert "\n" not in lines(caplog)[0]


def test_a_function_that_the_hook_does_not_know_fails_its_deployment(
    hook: Smoke, caplog: pytest.LogCaptureFixture
) -> None:
    hook.aws.responds[GET_DEPLOYMENT] = revision(appspec("strata-prod-other"))
    assert hook.run() == ["Failed"]
    assert "it is of strata-prod-other, and this hook knows strata-prod-orders" in lines(caplog)[0]


@pytest.mark.parametrize(
    "content",
    ["", "version: 0.0\nResources: []", "[]", {"Resources": []}, {"Resources": [{"f": {"Properties": {"Name": "f"}}}]}],
)
def test_a_revision_that_is_not_read_fails_the_deployment_with_the_remedy(
    hook: Smoke, caplog: pytest.LogCaptureFixture, content: object
) -> None:
    hook.aws.responds[GET_DEPLOYMENT] = revision(content)
    assert hook.run() == ["Failed"]
    assert lines(caplog)[0].endswith("start the deployment by a release, or write its AppSpec in JSON")


def test_a_revision_in_a_bucket_fails_the_deployment_too(hook: Smoke) -> None:
    hook.aws.responds[GET_DEPLOYMENT] = lambda _: (200, {"deploymentInfo": {"revision": {"revisionType": "S3"}}}, {})
    assert hook.run() == ["Failed"]


def test_a_call_that_lambda_refuses_fails_the_deployment_but_blames_no_version(
    hook: Smoke, caplog: pytest.LogCaptureFixture
) -> None:
    hook.aws.responds[INVOKE] = lambda _: (403, {"Message": "not authorized"}, {})
    smoke.handler(EVENT, Context())
    assert hook.aws.answers == ["Failed"]
    assert "version 7" not in lines(caplog)[0]
    assert "could not be judged" in lines(caplog)[0]


def test_throttling_is_waited_out(hook: Smoke) -> None:
    throttled = (429, {"Message": "Rate exceeded"}, {"X-Amzn-ErrorType": "TooManyRequestsException"})
    answers = [throttled, throttled, *((200, answer, {}) for answer in GOOD)]
    hook.aws.responds[INVOKE] = lambda _: answers.pop(0)
    smoke.handler(EVENT, Context())
    assert hook.aws.answers == ["Succeeded"]


@pytest.mark.parametrize(
    ("expected", "body", "said"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": 1}, {"a": True}, ["answered body.a true, expected 1"]),
        ({"a": None}, {}, ["answered no body.a, expected null"]),
        ({"a": None}, {"a": None}, []),
        ({"a": [1, 2]}, {"a": [1]}, ["answered body.a [1], expected [1, 2]"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, []),
        ({"a": {}}, {"a": "x"}, ["answered body.a x, expected {}"]),
        ({"a": 1, "b": 2}, {"a": 2, "b": 3}, ["answered body.a 2, expected 1", "answered body.b 3, expected 2"]),
        ("plain", "plain", []),
        ({"a": 1}, "plain", ['answered body plain, expected {"a": 1}']),
    ],
)
def test_of_an_object_what_is_named_is_compared_and_of_a_list_everything(
    expected: Any, body: Any, said: list[str]
) -> None:
    assert list(wrong({"statusCode": 200, "body": expected}, http(200, body))) == said


@pytest.mark.parametrize("answer", [None, [], "ok", {}, {"statusCode": None}, {"statusCode": "200"}])
def test_an_answer_that_is_not_for_http_is_reported(answer: Any) -> None:
    (said,) = wrong({"statusCode": 200}, answer)
    assert said.startswith("answered ")
    assert ", expected 200 (" in said


def test_an_answer_without_a_body_lacks_the_one_that_is_expected() -> None:
    assert list(wrong({"statusCode": 200, "body": {}}, {"statusCode": 200})) == ["answered body null, expected {}"]
