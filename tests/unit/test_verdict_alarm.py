"""The verdict as an alarm: within CloudWatch's limits, and of a form that its API takes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from infra.release.verdict.judge import ALARM_SETTINGS
from infra.release.verdict.metric_math import (
    LONGEST_EXPRESSION,
    MetricQuery,
    _checked,
    metric_queries,
    slow_metric_queries,
)
from infra.release.verdict.rule import Rule, VerdictError

LONGEST: dict[str, Any] = {
    "z": 3.1499999999999,
    "absolute": 0.0123456789,
    "forgiven": 1000,
    "slow_milliseconds": 899_999,
}
FULL = Rule(**LONGEST)
FORMER = Rule(**LONGEST, correction=0.123456789)
LONG = "f" * 64  # Lambda's longest function name


def queries(rule: Rule = FULL, minutes: int = 10) -> tuple[MetricQuery, ...]:
    return metric_queries(LONG, "live", "7", "8", rule, minutes)


counting = partial(metric_queries, answered=True)


@pytest.mark.parametrize(("rule", "expressions"), [(FULL, 10), (FORMER, 9)])
def test_the_verdict_takes_four_metrics_and_at_most_ten_expressions(rule: Rule, expressions: int) -> None:
    kinds = [query.expression is None for query in queries(rule)]
    assert (kinds.count(True), kinds.count(False)) == (4, expressions)


@pytest.mark.parametrize(("rule", "expressions"), [(FULL, 10), (FORMER, 9)])
def test_answered_faults_take_two_metrics_more_and_no_expression(rule: Rule, expressions: int) -> None:
    found = counting(LONG, "live", "7", "8", rule)
    kinds = [query.expression is None for query in found]
    assert (kinds.count(True), kinds.count(False)) == (6, expressions)
    (stable, canary) = (query.as_api()["MetricStat"]["Metric"] for query in found if query.id.endswith("_answered"))
    assert (canary["Namespace"], canary["MetricName"]) == ("Strata", "AnsweredFaults")
    lambdas = next(query.as_api()["MetricStat"]["Metric"] for query in found if query.id == "canary_errors")
    assert (lambdas["Namespace"], canary["Dimensions"]) == ("AWS/Lambda", lambdas["Dimensions"])
    assert stable["Dimensions"][-1] == {"Name": "ExecutedVersion", "Value": "7"}


@pytest.mark.parametrize("rule", [FULL, FORMER])
@pytest.mark.parametrize("made", [metric_queries, counting, slow_metric_queries])
def test_an_alarm_stays_within_cloudwatchs_limits(made: Callable[..., tuple[MetricQuery, ...]], rule: Rule) -> None:
    found = made(LONG, "live", "7", "8", rule, minutes=1440)
    assert sum(query.expression is None for query in found) <= 10
    assert sum(query.expression is not None for query in found) <= 10
    assert all(len(query.expression or "") <= 1024 for query in found)
    assert {query.period for query in found if query.expression is None} == {86_400}
    assert [query.id for query in found if query.returned] == ["verdict"]
    assert len({query.id for query in found}) == len(found)


@pytest.mark.parametrize("answered", [False, True])
def test_every_metric_is_filled_before_it_is_used(*, answered: bool) -> None:
    found = metric_queries(LONG, "live", "7", "8", FULL, answered=answered)
    metrics = {query.id for query in found if query.expression is None}
    for query in found:
        for metric in metrics:
            uses = (query.expression or "").count(metric)
            assert uses == (query.expression or "").count(f"FILL({metric}, 0)")


@pytest.mark.parametrize("made", [metric_queries, counting, slow_metric_queries])
def test_the_api_takes_the_entries(made: Callable[..., tuple[MetricQuery, ...]]) -> None:
    shape = botocore.session.get_session().get_service_model("cloudwatch").operation_model("PutMetricAlarm").input_shape
    assert shape is not None
    request = {
        "AlarmName": "a",
        "Metrics": [query.as_api() for query in made(LONG, "live", "7", "8", FULL)],
        **ALARM_SETTINGS,
    }
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()


def test_the_likelihood_ratio_is_written_with_natural_logarithms_of_what_is_never_zero() -> None:
    ratio = next(query.expression or "" for query in queries() if query.id == "ratio")
    assert ratio.count("LOG(") == ratio.count("== 0)") == 9
    assert "e1 * LOG(e1 + (e1 == 0))" in ratio


def test_metrics_are_those_of_one_version_behind_the_alias() -> None:
    entry = metric_queries("orders", "live", "7", "8", Rule(), 5)[3].as_api()
    assert entry == {
        "Id": "canary_errors",
        "ReturnData": False,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": "Errors",
                "Dimensions": [
                    {"Name": "FunctionName", "Value": "orders"},
                    {"Name": "Resource", "Value": "orders:live"},
                    {"Name": "ExecutedVersion", "Value": "8"},
                ],
            },
            "Period": 300,
            "Stat": "Sum",
        },
    }


def test_no_number_is_written_with_an_exponent() -> None:
    written = " ".join(query.expression or "" for query in queries(Rule(correction=1e-7, absolute=0.01)))
    assert "0.0000001" in written
    assert "e-" not in written


@pytest.mark.parametrize("minutes", [0, -1, 0.5, 1441, True, "10"])
def test_a_window_of_no_complete_minute_is_refused(minutes: int) -> None:
    with pytest.raises(VerdictError) as raised:
        queries(minutes=minutes)
    assert f"a window of {minutes!r} minutes" in str(raised.value)
    assert "from 1 to 1440" in str(raised.value)


def test_a_version_is_not_judged_by_itself() -> None:
    with pytest.raises(VerdictError, match="both version '7' of orders"):
        metric_queries("orders", "live", "7", "7", Rule())


def test_slowness_needs_a_budget() -> None:
    with pytest.raises(VerdictError, match="slow_milliseconds is not set"):
        slow_metric_queries("orders", "live", "7", "8", Rule())


def entry(name: str, *, metric: bool = False, returned: bool = False, text: str = "a", period: int = 60) -> MetricQuery:
    if metric:
        return MetricQuery(name, metric="Errors", period=period)
    return MetricQuery(name, text, returned=returned)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(f"m{n}", metric=True) for n in range(11)], "11 metrics in one alarm: CloudWatch takes 10"),
        ([entry(f"x{n}") for n in range(10)], "11 expressions in one alarm: CloudWatch takes 10"),
        ([entry("x", text="1" * (LONGEST_EXPRESSION + 1))], "expression x has 2049 characters: CloudWatch takes 2048"),
        ([entry("m", metric=True), entry("o", metric=True, period=300)], "different periods"),
        ([entry("x", returned=True)], "2 entries return data"),
    ],
)
def test_more_than_cloudwatch_takes_is_refused(entries: list[MetricQuery], message: str) -> None:
    with pytest.raises(VerdictError) as raised:
        _checked(*entries, entry("verdict", returned=True))
    assert message in str(raised.value)


def test_as_much_as_cloudwatch_takes_is_taken() -> None:
    metrics = [entry(f"m{n}", metric=True) for n in range(10)]
    expressions = [entry(f"x{n}", text="1" * LONGEST_EXPRESSION, returned=n == 0) for n in range(10)]
    assert _checked(*metrics, *expressions) == (*metrics, *expressions)
    for minutes in (1, 1440):
        assert {query.period for query in queries(minutes=minutes) if query.metric} == {minutes * 60}
