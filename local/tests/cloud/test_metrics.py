"""CloudWatch's metric operations, in each protocol that its clients speak."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest

from local.tests.cloud.codedeploy import refused
from local.tests.cloud.conftest import REGION, Cloud, Functions, until


def put(cloudwatch: Any, value: float, at: float | None = None, name: str = "Orders", **dimensions: str) -> None:
    datum: dict[str, Any] = {
        "MetricName": name,
        "Value": value,
        "Dimensions": [{"Name": key, "Value": item} for key, item in dimensions.items()],
    }
    if at is not None:
        datum["Timestamp"] = datetime.fromtimestamp(at, UTC)
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])


def query(identifier: str, name: str = "Orders", stat: str = "Sum", period: int = 60, **dimensions: str) -> Any:
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": "Shop", "MetricName": name, "Dimensions": listed}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}


def read(cloudwatch: Any, first: float, minutes: int, *queries: Any, **more: Any) -> dict[str, list[float]]:
    """Id -> values, oldest first, of `minutes` minutes of a second each."""
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=datetime.fromtimestamp(first, UTC),
        EndTime=datetime.fromtimestamp(first + minutes, UTC),
        ScanBy="TimestampAscending",
        **more,
    )
    return {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}


@pytest.fixture
def first() -> float:
    """A minute some minutes ago; in the session's cloud each takes a second."""
    return float(int(time.time()) - 30)


def test_values_are_read_back_in_simulated_minutes_with_real_times(cloudwatch: Any, first: float) -> None:
    for value, at in ((1, first), (2, first + 0.9), (4, first + 1), (8, first + 3.5)):
        put(cloudwatch, value, at)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[query("m1")],
        StartTime=datetime.fromtimestamp(first + 0.4, UTC),
        EndTime=datetime.fromtimestamp(first + 5, UTC),
    )
    (result,) = answer["MetricDataResults"]
    assert (result["Id"], result["Label"], result["StatusCode"]) == ("m1", "Orders", "Complete")
    assert result["Values"] == [8, 4, 3], "newest first by default"
    assert [at.timestamp() for at in result["Timestamps"]] == [first + 3, first + 1, first]
    assert read(cloudwatch, first, 5, query("m1", period=300))["m1"] == [15]
    assert read(cloudwatch, first, 5, query("m1", period=120))["m1"] == [7, 8]


def test_dimensions_keep_metrics_apart(cloudwatch: Any, first: float) -> None:
    put(cloudwatch, 1, first)
    put(cloudwatch, 2, first, Shop="north")
    put(cloudwatch, 4, first, Shop="south")
    found = read(cloudwatch, first, 1, query("none"), query("north", Shop="north"), query("west", Shop="west"))
    assert found == {"none": [1], "north": [2], "west": []}


def test_expressions_are_evaluated_and_hidden_metrics_stay_hidden(cloudwatch: Any, first: float) -> None:
    for at in (0, 2):
        put(cloudwatch, 10, first + at, "Calls")
        put(cloudwatch, at, first + at, "Faults")
    found = read(
        cloudwatch,
        first,
        3,
        query("calls", "Calls") | {"ReturnData": False},
        query("faults", "Faults"),
        {"Id": "rate", "Expression": "100 * faults / calls", "Label": "Fault rate"},
        {"Id": "filled", "Expression": "FILL(calls, 0)"},
    )
    assert found["rate"] == [0, 20]
    assert found["filled"] == [10, 0, 10]
    assert "calls" not in found


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (
            [{"Id": "e1", "Expression": "SQRT(m1)"}, query("m1")],
            "'e1': Function 'SQRT' is not imitated",
        ),
        ([{"Id": "e1", "Expression": "m1"}], "Error in expression 'e1': Metric or expression 'm1' not found"),
        ([query("m1"), query("m1")], "The metric Ids must be unique; 'm1' is used twice"),
        ([query("M1")], "Invalid metric id 'M1'"),
        ([query("m1", stat="Median")], "statistic 'Median' is not imitated"),
        ([query("m1", period=90)], "Period 90 is not imitated: it must be 10, 20, 30 or a multiple of 60 seconds"),
        ([query("m1") | {"Expression": "1"}], "must have either MetricStat or Expression, and not both"),
        (
            [query("m1"), query("m2", period=300), {"Id": "e1", "Expression": "m1+m2"}],
            "Metrics that expressions use must have one period; these have 60, 300",
        ),
    ],
)
def test_a_wrong_query_is_refused_in_words(cloudwatch: Any, queries: list[Any], message: str) -> None:
    code, text = refused(
        cloudwatch.get_metric_data,
        MetricDataQueries=queries,
        StartTime=datetime(2026, 1, 1, tzinfo=UTC),
        EndTime=datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert code == "ValidationError"
    assert message in text


def test_statistics_come_with_percentiles_units_and_sets(cloudwatch: Any, first: float) -> None:
    at = datetime.fromtimestamp(first, UTC)
    cloudwatch.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {"MetricName": "Took", "Timestamp": at, "Unit": "Seconds", "Values": [1, 2], "Counts": [3, 1]},
            {
                "MetricName": "Sent",
                "Timestamp": at,
                "StatisticValues": {"SampleCount": 4, "Sum": 40, "Minimum": 1, "Maximum": 20},
            },
        ],
    )

    def statistics(name: str, **more: Any) -> list[dict[str, Any]]:
        found = cloudwatch.get_metric_statistics(
            Namespace="Shop",
            MetricName=name,
            StartTime=at,
            EndTime=datetime.fromtimestamp(first + 5, UTC),
            Period=60,
            **more,
        )
        return list(found["Datapoints"])

    (took,) = statistics("Took", Statistics=["Sum", "Average", "SampleCount"], ExtendedStatistics=["p100", "PR(:1)"])
    assert (took["Sum"], took["Average"], took["SampleCount"], took["Unit"]) == (5, 1.25, 4, "Seconds")
    assert took["ExtendedStatistics"] == {"p100": 2, "PR(:1)": 75}
    assert took["Timestamp"].timestamp() == first
    (sent,) = statistics("Sent", Statistics=["Average", "Minimum", "Maximum"])
    assert (sent["Average"], sent["Minimum"], sent["Maximum"]) == (10, 1, 20)
    assert statistics("Took", Statistics=["Sum"], Unit="Bytes") == []
    assert refused(statistics, name="Took")[0] == "MissingParameter"


def test_statistics_of_more_points_than_a_call_may_have_are_refused(cloudwatch: Any) -> None:
    asked = {"Namespace": "Shop", "MetricName": "Took", "StartTime": 0, "Period": 60, "Statistics": ["Sum"]}
    code, message = refused(cloudwatch.get_metric_statistics, EndTime=1441, **asked)
    assert code == "InvalidParameterCombination"
    assert "up to 1,441 datapoints, which exceeds the limit of 1,440" in message
    assert cloudwatch.get_metric_statistics(EndTime=1440, **asked)["Datapoints"] == []


def test_metrics_are_listed_by_namespace_name_and_dimension(cloudwatch: Any) -> None:
    put(cloudwatch, 1)
    put(cloudwatch, 1, Shop="north")
    put(cloudwatch, 1, None, "Faults", Shop="south")

    def listed(**filters: Any) -> list[tuple[str, dict[str, str]]]:
        found = cloudwatch.list_metrics(**filters)["Metrics"]
        return [(each["MetricName"], {d["Name"]: d["Value"] for d in each["Dimensions"]}) for each in found]

    assert listed(Namespace="Shop") == [("Orders", {}), ("Orders", {"Shop": "north"}), ("Faults", {"Shop": "south"})]
    assert listed(MetricName="Orders", Dimensions=[{"Name": "Shop"}]) == [("Orders", {"Shop": "north"})]
    assert listed(Dimensions=[{"Name": "Shop", "Value": "south"}]) == [("Faults", {"Shop": "south"})]
    assert listed(Namespace="Other") == []


def test_a_long_list_of_metrics_comes_in_pages(cloudwatch: Any) -> None:
    for start in (0, 300):
        data = [{"MetricName": f"m{index}", "Value": 1} for index in range(start, start + 300)]
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=data)
    pages = list(cloudwatch.get_paginator("list_metrics").paginate())
    assert [len(page["Metrics"]) for page in pages] == [500, 100]


def test_lambda_publishes_by_function_alias_and_executed_version(
    functions: Functions, cloudwatch: Any, cloud: Cloud
) -> None:
    functions.create("def handler(event, context):\n    return 1\n")
    version = functions.publish("def handler(event, context):\n    raise RuntimeError\n")
    functions.alias("1", {version: 0.5})
    start = time.time()
    for _ in range(20):
        functions.invoke()

    def total(name: str, **dimensions: str) -> float:
        stat = query("m1") | {}
        stat["MetricStat"]["Metric"] = {
            "Namespace": "AWS/Lambda",
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        return sum(read(cloudwatch, start, 20, stat)["m1"])

    live = {"FunctionName": "orders", "Resource": "orders:live"}
    assert total("Invocations", FunctionName="orders") == 20
    assert total("Invocations", **live) == 20
    failed = total("Errors", **live, ExecutedVersion=version)
    assert 0 < failed == total("Invocations", **live, ExecutedVersion=version) == total("Errors", **live)
    assert total("Invocations", **live, ExecutedVersion="1") == 20 - failed
    assert total("Errors", **live, ExecutedVersion="1") == 0


def test_a_late_cloud_shows_data_later(cloudwatch: Any, cloud: Cloud) -> None:
    cloud.control("POST", "settings", {"lateness_minutes": 2})
    try:
        start = time.time()
        put(cloudwatch, 1)
        assert read(cloudwatch, start, 10, query("m1"))["m1"] == []
        assert until(lambda: read(cloudwatch, start, 10, query("m1"))["m1"] == [1], 120)
        assert time.time() - start >= 2 * cloud.minute
    finally:
        cloud.control("POST", "settings", {"lateness_minutes": 0})


# Protocols


def call(cloud: Cloud, account: str, headers: dict[str, str], body: str) -> tuple[int, str]:
    scope = f"{account}/20260101/{REGION}/monitoring/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    request = urllib.request.Request(cloud.endpoint, body.encode(), {**signed, **headers})  # noqa: S310 (loopback)
    try:
        with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def test_older_clients_speak_the_query_protocol(cloud: Cloud, account: str, cloudwatch: Any) -> None:
    def ask(action: str, **form: str) -> tuple[int, str]:
        text = urllib.parse.urlencode({"Action": action, "Version": "2010-08-01", **form})
        return call(cloud, account, {"Content-Type": "application/x-www-form-urlencoded"}, text)

    status, answer = ask(
        "PutMetricAlarm",
        **{
            "AlarmName": "errors & <more>",
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions.member.1.Name": "FunctionName",
            "Dimensions.member.1.Value": "orders",
            "Statistic": "Sum",
            "Period": "60",
            "EvaluationPeriods": "2",
            "Threshold": "1.5",
            "ComparisonOperator": "GreaterThanThreshold",
            "ActionsEnabled": "false",
            "Tags.member.1.Key": "team",
            "Tags.member.1.Value": "orders",
        },
    )
    assert (status, "<PutMetricAlarmResponse" in answer) == (200, True)
    (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("errors & <more>", 1.5, 2)
    assert (alarm["ActionsEnabled"], alarm["Dimensions"]) == (False, [{"Name": "FunctionName", "Value": "orders"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"] == [
        {"Key": "team", "Value": "orders"}
    ]
    status, answer = ask("DescribeAlarms", AlarmNamePrefix="errors")
    assert "<AlarmName>errors &amp; &lt;more&gt;</AlarmName>" in answer
    assert "<Threshold>1.5</Threshold>" in answer
    status, answer = ask("SetAlarmState", AlarmName="nowhere", StateValue="OK", StateReason="x")
    assert (status, "<Code>ResourceNotFound</Code>" in answer) == (404, True)


def test_some_clients_speak_json(cloud: Cloud, account: str, cloudwatch: Any) -> None:
    put(cloudwatch, 5)

    def ask(operation: str, **body: Any) -> tuple[int, dict[str, Any]]:
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}",
        }
        status, answer = call(cloud, account, headers, json.dumps(body))
        return status, json.loads(answer)

    now = time.time()
    status, answer = ask("GetMetricData", MetricDataQueries=[query("m1")], StartTime=now - 10, EndTime=now + 10)
    (result,) = answer["MetricDataResults"]
    assert (status, result["Values"]) == (200, [5])
    assert abs(result["Timestamps"][0] - now) < 10
    status, answer = ask("GetMetricData", MetricDataQueries="none", StartTime=now, EndTime=now)
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_an_error_has_the_code_of_the_query_protocol_too(cloudwatch: Any) -> None:
    with pytest.raises(cloudwatch.exceptions.ClientError) as caught:
        cloudwatch.set_alarm_state(AlarmName="nowhere", StateValue="OK", StateReason="x")
    error = caught.value.response["Error"]
    assert (error["Code"], error["QueryErrorCode"], error["Type"]) == ("ResourceNotFound",) * 2 + ("Sender",)


def test_a_body_that_is_no_cbor_is_refused(cloud: Cloud, account: str) -> None:
    headers = {"Content-Type": "application/cbor", "X-Amz-Target": "GraniteServiceVersion20100801.ListMetrics"}
    for body in ("\xff not cbor", "[]", "\x82"):
        status, answer = call(cloud, account, headers, body)
        assert (status, "SerializationException" in answer) == (400, True)


def test_dashboards_and_composite_alarms_stay_what_they_were(cloudwatch: Any) -> None:
    cloudwatch.put_dashboard(DashboardName="shop", DashboardBody='{"widgets": []}')
    assert cloudwatch.get_dashboard(DashboardName="shop")["DashboardBody"] == '{"widgets": []}'
