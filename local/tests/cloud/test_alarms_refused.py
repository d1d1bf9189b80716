"""Alarms that CloudWatch refuses, and what the local cloud does not imitate: an error that says so, never silence."""

from typing import Any

import pytest

from local.tests.cloud.alarms import PLAIN, math, on_math
from local.tests.cloud.codedeploy import refused

TOO_MANY = tuple(f"n{index}" for index in range(11))
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"Threshold": None}, "MissingParameter", "The parameter Threshold is required."),
    ({"Period": None}, "ValidationError", "The parameter Period is required, or else Metrics"),
    ({"Period": 45}, "ValidationError", "Period 45 is not imitated: it must be 10, 20, 30 or a multiple of 60"),
    ({"Period": 5}, "ValidationError", "Period 5 is not imitated"),
    (
        {"EvaluateLowSampleCountPercentile": "ignore"},
        "ValidationError",
        "EvaluateLowSampleCountPercentile ignore is not",
    ),
    ({"Statistic": None}, "ValidationError", "Exactly one of the parameters Statistic and ExtendedStatistic"),
    ({"Statistic": "Median"}, "ValidationError", "Member must satisfy enum value set"),
    ({"EvaluationPeriods": 1441}, "ValidationError", "more than a day"),
    ({"DatapointsToAlarm": 2}, "ValidationError", "DatapointsToAlarm should be less than or equal"),
    ({"TreatMissingData": "zero"}, "ValidationError", "The value zero is not supported for TreatMissingData"),
    ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError", "it needs anomaly detection"),
    ({"AlarmActions": ["topic"]}, "ValidationError", "Invalid arn syntax: topic"),
    ({"ThresholdMetricId": "m1"}, "ValidationError", "ThresholdMetricId is not imitated"),
    ({"Metrics": math(("e1", "m1 + m2"))}, "ValidationError", "cannot be given in the same operation"),
    (on_math(math()), "ValidationError", "Exactly one element of the metrics list should return data."),
    (
        on_math([query | {"ReturnData": True} for query in math(("e1", "m1"))]),
        "ValidationError",
        "Exactly one element of the metrics list should return data.",
    ),
    (
        on_math(math(("e1", "m1 + m3"))),
        "ValidationError",
        "Error in expression 'e1': Metric or expression 'm3' not found",
    ),
    (on_math(math(("e1", "SQRT(m1)"))), "ValidationError", "Error in expression 'e1': Function 'SQRT' is not imitated"),
    (on_math(math(("e1", "[m1, m2]"))), "ValidationError", "An array of time series is not imitated"),
    (on_math(math(("e1", "IF(1, 2)"))), "ValidationError", "The result is a scalar"),
    (
        on_math(math(("e1", "m1 +" + " m1 +" * 500 + "m1"))),
        "ValidationError",
        "Member must have length less than or equal to 2048",
    ),
    (on_math(math(("e1", "m1"), names=TOO_MANY)), "ValidationError", "has 11 metrics; an alarm can have at most 10"),
    (
        on_math(math(*((f"e{index}", "m1") for index in range(11)))),
        "ValidationError",
        "has 11 expressions; an alarm can have at most 10",
    ),
    (
        on_math(
            [
                *math(names=("A",)),
                *[q | {"Id": "n1"} for q in math(names=("B",), period=300)],
                *math(("e", "m1 + n1"))[2:],
            ]
        ),
        "ValidationError",
        "must have one period; these have 60, 300",
    ),
]


@pytest.mark.parametrize(("changes", "code", "message"), WRONG)
def test_a_wrong_alarm_is_refused_in_words(cloudwatch: Any, changes: dict[str, Any], code: str, message: str) -> None:
    alarm = changes if "AlarmName" in changes else PLAIN | changes
    alarm = {key: value for key, value in alarm.items() if value is not None}
    got, text = refused(cloudwatch.put_metric_alarm, **alarm)
    assert got == code
    assert message in text
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
