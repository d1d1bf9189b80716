"""Checks a PutMetricAlarm request, and makes the parts of the alarm from it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from collections.abc import Mapping
from typing import Any

from local.cloud.alarms.evaluation import COMPARISONS, Missing, Rule
from local.cloud.metrics.data import check_number
from local.cloud.metrics.math.syntax import MathError
from local.cloud.metrics.queries import QueryError, Request, check_period, checked
from local.cloud.metrics.statistics import UnknownStatisticError
from local.cloud.wire import ServiceError

ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
MOST_METRICS = 10
MOST_EXPRESSIONS = 10
_HOUR, _DAY, _WEEK = 3600, 86_400, 604_800
_PLAIN = ("Namespace", "MetricName", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_NOT_IMITATED = (
    "ThresholdMetricId",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
    "ActionConfiguration",
)

Alarm = dict[str, Any]
"""A MetricAlarm as DescribeAlarms shows it."""


def check(alarm: Mapping[str, Any], account: str) -> None:
    """Raise ServiceError if CloudWatch would refuse the alarm, or if it needs what the local cloud does not imitate."""
    _check_imitated(alarm)
    for name in ("EvaluationPeriods", "ComparisonOperator", "Threshold"):
        if name not in alarm:
            raise ServiceError("MissingParameter", f"The parameter {name} is required.")
    check_number(float(alarm["Threshold"]), "Threshold")
    if alarm.get("TreatMissingData", "missing") not in set(Missing):
        raise _invalid(f"The value {alarm['TreatMissingData']} is not supported for TreatMissingData parameter.")
    if (option := alarm.get("EvaluateLowSampleCountPercentile", "evaluate")) != "evaluate":
        raise _invalid(f"EvaluateLowSampleCountPercentile {option} is not imitated by the local cloud: use evaluate")
    if alarm.get("DatapointsToAlarm", 1) > alarm["EvaluationPeriods"]:
        raise _invalid("DatapointsToAlarm should be less than or equal to the Evaluation Period")
    actions = [arn for field in ACTIONS for arn in alarm.get(field, ())]
    if wrong := [arn for arn in actions if not arn.startswith("arn:")]:
        raise _invalid(f"Invalid arn syntax: {wrong[0]}")
    _check_span(request(alarm, account).period, alarm["EvaluationPeriods"])


def _check_imitated(alarm: Mapping[str, Any]) -> None:
    for name in _NOT_IMITATED:
        if name in alarm:
            raise _invalid(f"{name} is not imitated by the local cloud")
    if "WallClockWindow" in alarm.get("EvaluationWindow", {}):
        raise _invalid("EvaluationWindow.WallClockWindow is not imitated by the local cloud: windows slide")
    if alarm.get("ComparisonOperator", "GreaterThanThreshold") not in COMPARISONS:
        raise _invalid(f"ComparisonOperator {alarm['ComparisonOperator']} is not imitated: it needs anomaly detection")


def request(alarm: Mapping[str, Any], account: str) -> Request:
    """Return the queries that the alarm evaluates; a plain alarm is one query. Raises ServiceError."""
    try:
        queries = _queries(alarm)
        found = checked(queries, account)
    except (QueryError, MathError, UnknownStatisticError) as error:
        raise _invalid(str(error)) from error
    if len(found.watched()) != 1:
        raise _invalid("Exactly one element of the metrics list should return data.")
    metrics = sum("MetricStat" in query for query in queries)
    for noun, count, most in (
        ("metrics", metrics, MOST_METRICS),
        ("expressions", len(queries) - metrics, MOST_EXPRESSIONS),
    ):
        if count > most:
            raise _invalid(f"The metrics list has {count} {noun}; an alarm can have at most {most}")
    if len({query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}) > 1:
        raise _invalid("All metrics of an alarm must have the same period")
    return found


def period(alarm: Mapping[str, Any]) -> int:
    """The shortest period of what the alarm watches."""
    found = [query["MetricStat"]["Period"] for query in alarm.get("Metrics") or () if "MetricStat" in query]
    return int(min(found, default=alarm.get("Period") or 60))


def rule(alarm: Mapping[str, Any]) -> Rule:
    """Return the alarm's rule of evaluation."""
    dynamodb = alarm.get("Namespace") == "AWS/DynamoDB"
    periods = alarm["EvaluationPeriods"]
    return Rule(
        alarm["ComparisonOperator"],
        float(alarm["Threshold"]),
        periods,
        alarm.get("DatapointsToAlarm", periods),
        Missing.IGNORE if dynamodb else Missing(alarm.get("TreatMissingData", "missing")),
        says_out_of="DatapointsToAlarm" in alarm,
    )


def _queries(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if not alarm.get("Metrics"):
        return [{"Id": "m1", "MetricStat": _plain(alarm), "ReturnData": True}]
    if both := [name for name in _PLAIN if name in alarm]:
        raise QueryError(f"With the Metrics parameter, {', '.join(both)} cannot be given in the same operation")
    return list(alarm["Metrics"])


def _plain(alarm: Mapping[str, Any]) -> dict[str, Any]:
    alarm = {name: value for name, value in alarm.items() if value is not None}  # CloudFormation's have None
    for name in ("MetricName", "Namespace", "Period"):
        if name not in alarm:
            raise QueryError(f"The parameter {name} is required, or else Metrics")
    if ("Statistic" in alarm) == ("ExtendedStatistic" in alarm):
        raise QueryError("Exactly one of the parameters Statistic and ExtendedStatistic is required")
    stat = {
        "Metric": {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if name in alarm},
        "Period": check_period(alarm["Period"]),
        "Stat": alarm.get("ExtendedStatistic") or alarm["Statistic"],
    }
    return stat | ({"Unit": alarm["Unit"]} if "Unit" in alarm else {})


def _check_span(period: int, periods: int) -> None:
    most = _DAY if period < _HOUR else _WEEK
    if period * periods > most:
        raise _invalid(
            f"Metrics cannot be checked across more than {'a day' if most == _DAY else 'seven days'} "
            f"(EvaluationPeriods * Period must be <= {most}): {periods} * {period} = {periods * period}"
        )


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)
