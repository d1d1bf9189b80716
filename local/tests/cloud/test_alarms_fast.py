"""Metrics of high resolution, and alarms with a period below a minute. The session's minute takes a second."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from local.tests.cloud.alarms import PLAIN
from local.tests.cloud.conftest import Cloud, start_cloud, stop_cloud, until


@pytest.fixture
def cloudwatch(client: Callable[[str], Any]) -> Any:
    return client("cloudwatch")


def _put(cloudwatch: Any, value: float, at: float, resolution: int = 1, name: str = "Orders") -> None:
    datum = {"MetricName": name, "Value": value, "Timestamp": datetime.fromtimestamp(at, UTC)}
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{**datum, "StorageResolution": resolution}])


def _read(cloudwatch: Any, first: float, seconds: float, period: int, name: str = "Orders") -> list[float]:
    metric = {"Namespace": "Shop", "MetricName": name}
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}],
        StartTime=datetime.fromtimestamp(first, UTC),
        EndTime=datetime.fromtimestamp(first + seconds, UTC),
        ScanBy="TimestampAscending",
    )
    return [float(value) for value in answer["MetricDataResults"][0]["Values"]]


def test_data_of_high_resolution_are_read_by_parts_of_a_minute_and_by_the_minute(cloudwatch: Any) -> None:
    first = float(int(time.time()) - 30)
    for index, value in enumerate((1, 2, 4, 8, 16, 32)):
        _put(cloudwatch, value, first + index / 6 + 0.05)
        _put(cloudwatch, value, first + index / 6 + 0.05, 60, "Plain")
    assert _read(cloudwatch, first, 1, 10) == [1, 2, 4, 8, 16, 32]
    assert _read(cloudwatch, first, 1, 20) == [3, 12, 48]
    assert _read(cloudwatch, first, 1, 30) == [7, 56]
    assert _read(cloudwatch, first, 1, 60) == _read(cloudwatch, first, 1, 60, "Plain") == [63]
    assert _read(cloudwatch, first, 1, 10, "Plain") == [63], "what is stored by the minute stands at its beginning"


@pytest.mark.parametrize("period", [10, 30])
def test_an_alarm_with_a_short_period_turns_within_the_minute_and_back(
    tmp_path: Any, account: str, period: int
) -> None:
    process, cloud = start_cloud(tmp_path, factor=20)
    try:
        _turns(cloud, account, period)
    finally:
        stop_cloud(process)


def _turns(cloud: Cloud, account: str, period: int) -> None:
    cloudwatch = cloud.client("cloudwatch", account)
    plain = {**PLAIN, "Namespace": "Shop", "MetricName": "Orders", "Statistic": "Sum", "Threshold": 1}
    plain.pop("Dimensions", None)
    cloudwatch.put_metric_alarm(**{**plain, "Period": period, "TreatMissingData": "notBreaching"})

    def state() -> Any:
        return cloudwatch.describe_alarms(AlarmNames=[plain["AlarmName"]])["MetricAlarms"][0]

    assert state()["Period"] == period
    assert until(lambda: state()["StateValue"] == "OK", seconds=20)
    _put(cloudwatch, 6, time.time())
    assert until(lambda: state()["StateValue"] == "ALARM", seconds=20)
    assert until(lambda: state()["StateValue"] == "OK", seconds=20)
    history = cloudwatch.describe_alarm_history(AlarmName=plain["AlarmName"], HistoryItemType="StateUpdate")
    data = json.loads(history["AlarmHistoryItems"][1]["HistoryData"])["newState"]["stateReasonData"]
    assert (data["period"], data["recentDatapoints"]) == (period, [6.0])
