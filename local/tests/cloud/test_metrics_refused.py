"""Data that CloudWatch refuses: a whole call, or nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.tests.cloud.alarms import PLAIN
from local.tests.cloud.codedeploy import refused

NAN, INFINITY = float("nan"), float("inf")
VALUE, VALIDATION = "InvalidParameterValue", "ValidationError"


def _dimension(name: str, value: str) -> dict[str, Any]:
    return {"Value": 1, "Dimensions": [{"Name": name, "Value": value}]}


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({}, "MissingParameter"),
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination"),
        ({"Values": [1, 2], "Counts": [1]}, VALUE),
        ({"Value": 1, "Timestamp": datetime(2020, 1, 1, tzinfo=UTC)}, VALUE),
        ({"Value": 1, "Timestamp": datetime.now(UTC) - timedelta(days=14, minutes=1)}, VALUE),
        ({"Value": 1, "Timestamp": datetime.now(UTC) + timedelta(hours=3)}, VALUE),
        ({"Value": 1, "Unit": "Furlongs"}, VALIDATION),
        ({"Value": NAN}, VALUE),
        ({"Value": INFINITY}, VALUE),
        ({"Value": -INFINITY}, VALUE),
        ({"Value": 2.0**361}, VALUE),
        ({"Value": -(2.0**361)}, VALUE),
        ({"Values": [1, NAN]}, VALUE),
        ({"Values": [1, INFINITY], "Counts": [1, 1]}, VALUE),
        ({"Values": [1], "Counts": [NAN]}, VALUE),
        ({"Values": [1], "Counts": [0]}, VALUE),
        ({"Values": [1], "Counts": [-1]}, VALUE),
        ({"Values": list(range(151))}, VALUE),
        ({"StatisticValues": {"SampleCount": 1, "Sum": NAN, "Minimum": 1, "Maximum": 1}}, VALUE),
        ({"StatisticValues": {"SampleCount": INFINITY, "Sum": 1, "Minimum": 1, "Maximum": 1}}, VALUE),
        ({"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 2, "Maximum": 1}}, VALUE),
        ({"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1}}, "MissingParameter"),
        ({"Value": 1, "StorageResolution": 30}, VALUE),
        ({"Value": 1, "MetricName": ""}, VALIDATION),
        ({"Value": 1, "MetricName": "m" * 256}, VALIDATION),
        (_dimension("", "v"), VALIDATION),
        (_dimension("n", ""), VALIDATION),
        (_dimension(":n", "v"), None),
        (_dimension("n", " "), VALUE),
        (_dimension("n", "a\tb"), VALUE),
        (_dimension("n", "\u00e9"), VALUE),
        (_dimension("n", "v" * 1025), VALIDATION),
        ({"Value": 1, "Dimensions": [{"Name": "n", "Value": "1"}, {"Name": "n", "Value": "2"}]}, VALUE),
        ({"Value": 1, "Dimensions": [{"Name": f"n{i}", "Value": "v"} for i in range(31)]}, VALIDATION),
    ],
)
def test_a_wrong_datum_is_refused_and_nothing_of_the_call_is_kept(
    cloudwatch: Any, datum: dict[str, Any], code: str | None
) -> None:
    data = [{"MetricName": "good", "Value": 1}, {"MetricName": "m", **datum}]
    found, _ = refused(cloudwatch.put_metric_data, Namespace="Shop", MetricData=data)
    assert code is None or found == code
    assert cloudwatch.list_metrics(Namespace="Shop")["Metrics"] == []


@pytest.mark.parametrize("namespace", ["", ":Shop", "n" * 256])
def test_a_wrong_namespace_is_refused(cloudwatch: Any, namespace: str) -> None:
    request = {"Namespace": namespace, "MetricData": [{"MetricName": "m", "Value": 1}]}
    assert refused(cloudwatch.put_metric_data, **request)[0] == VALIDATION


def test_more_than_a_thousand_data_are_refused(cloudwatch: Any) -> None:
    data = [{"MetricName": "m", "Value": 1}] * 1001
    assert refused(cloudwatch.put_metric_data, Namespace="Shop", MetricData=data) == (
        VALUE,
        "The collection MetricData must not have a size greater than 1000.",
    )


def test_the_bounds_themselves_are_taken(cloudwatch: Any) -> None:
    dimensions = [{"Name": f"n{index}", "Value": "v" * 1024} for index in range(30)]
    cloudwatch.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {"MetricName": "m" * 255, "Value": 2.0**360, "Dimensions": dimensions},
            {"MetricName": "m", "Values": [-(2.0**360), *range(149)], "StorageResolution": 1},
        ],
    )
    assert len(cloudwatch.list_metrics(Namespace="Shop")["Metrics"]) == 2


@pytest.mark.parametrize("threshold", [NAN, INFINITY, 2.0**361])
def test_an_alarm_needs_a_finite_threshold(cloudwatch: Any, threshold: float) -> None:
    code, message = refused(cloudwatch.put_metric_alarm, **{**PLAIN, "Threshold": threshold})
    assert code == VALUE
    assert "for parameter Threshold is invalid" in message
