"""The requests that a function answers with a fault are counted once each, in CloudWatch's embedded metric format."""

import json
from typing import Any

import pytest

from app.orders import answered
from infra.answered import METRIC, NAMESPACE
from tests.unit.orders_kit import Context

FAILED = {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "answer", [{"statusCode": 500}, {"statusCode": 599, "body": "x"}, {"statusCode": "502"}, FAILED]
)
def test_a_fault_that_is_answered_is_counted_once(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered.counted(lambda *_: answer)({}, Context()) is answer
    assert [line[METRIC] for line in lines(capsys)] == [1]


@pytest.mark.parametrize(
    "answer",
    [
        *[{"statusCode": each} for each in (200, 499, 50, 5000, None)],
        *[{"batchItemFailures": []}, {}, None, "500", 500, [500]],
    ],
)
def test_any_other_answer_is_not(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered.counted(lambda *_: answer)({}, Context()) is answer
    assert lines(capsys) == []


def test_what_is_raised_is_lambdas_to_count(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(_event: object, _context: object) -> None:
        raise ValueError("no such order")

    with pytest.raises(ValueError, match="no such order"):
        answered.counted(handler)({}, Context())
    assert lines(capsys) == []


def test_the_line_has_lambdas_dimensions_and_the_time_when_the_request_began() -> None:
    context = Context()
    context.invoked_function_arn = "arn:aws:lambda:eu-central-1:111111111111:function:orders:live"
    found = answered.line(context, 1_767_225_600.25)
    (directive,) = found["_aws"]["CloudWatchMetrics"]
    assert found["_aws"]["Timestamp"] == 1_767_225_600_250
    assert (directive["Namespace"], directive["Metrics"]) == (NAMESPACE, [{"Name": METRIC, "Unit": "Count"}])
    version = {"FunctionName": context.function_name, "Resource": "orders:live", "ExecutedVersion": "7"}
    assert [{key: found[key] for key in keys} for keys in directive["Dimensions"]] == [
        {key: version[key] for key in ("FunctionName", "Resource")},
        version,
    ]


def test_the_handler_of_orders_is_counted() -> None:
    source = answered.__file__.replace("answered.py", "main.py")
    with open(source) as main:  # noqa: PTH123 - its import needs the function's environment
        assert "handler = counted(service.build(" in main.read()
