"""Alarms: evaluated every simulated minute, which lasts a third of a second here."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.tests.cloud.alarms import PLAIN, math, on_math
from local.tests.cloud.codedeploy import refused
from local.tests.cloud.conftest import Cloud, start_cloud, stop_cloud, until

MINUTE = 1 / 3


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own, in which less time is spent waiting."""
    process, running = start_cloud(tmp_path_factory.mktemp("alarms"), factor=60 / MINUTE)
    yield running
    stop_cloud(process)


def state(cloudwatch: Any, name: str = "errors") -> dict[str, Any]:
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return dict(alarm)


def becomes(cloudwatch: Any, wanted: str, name: str = "errors", seconds: float = 60) -> bool:
    return bool(until(lambda: state(cloudwatch, name)["StateValue"] == wanted, seconds))


def put_in_minutes(cloudwatch: Any, *values: float) -> None:
    """One value in each of the minutes to come, however long that takes to say."""
    first = (time.time() // MINUTE + 2.5) * MINUTE
    data = [
        {"MetricName": "Errors", "Value": value, "Timestamp": first + index * MINUTE}
        for index, value in enumerate(values)
    ]
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=data)


def put(cloudwatch: Any, value: float, name: str = "Errors", **dimensions: str) -> None:
    listed = [{"Name": key, "Value": item} for key, item in dimensions.items()]
    cloudwatch.put_metric_data(
        Namespace="Shop", MetricData=[{"MetricName": name, "Value": value, "Dimensions": listed}]
    )


@contextmanager
def flow(cloudwatch: Any, value: float, name: str = "Errors", **dimensions: str) -> Iterator[None]:
    """A datum every tenth of a minute meanwhile."""
    over = threading.Event()

    def publish() -> None:
        while not over.wait(MINUTE / 10):
            put(cloudwatch, value, name, **dimensions)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def updates(cloudwatch: Any, name: str = "errors") -> list[str]:
    """Return the changes of state in the alarm's history, oldest first."""
    found = cloudwatch.describe_alarm_history(
        AlarmName=name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )
    return [item["HistorySummary"].removeprefix("Alarm updated from ") for item in found["AlarmHistoryItems"]]


def test_an_alarm_begins_without_data_and_follows_it(cloudwatch: Any, cloud: Cloud) -> None:
    cloudwatch.describe_alarms()  # the first request of a client takes its time
    cloudwatch.put_metric_alarm(**PLAIN)
    created = state(cloudwatch)
    assert (created["StateValue"], created["StateReason"]) == (
        "INSUFFICIENT_DATA",
        "Unchecked: Initial alarm creation",
    )
    assert becomes(cloudwatch, "OK")
    assert state(cloudwatch)["StateReason"] == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching]."
    )
    put(cloudwatch, 6)
    assert becomes(cloudwatch, "ALARM")
    red = state(cloudwatch)
    assert red["StateReason"].startswith("Threshold Crossed: 1 datapoint [6.0 (")
    assert red["StateReason"].endswith(")] was greater than the threshold (5.0).")
    data = json.loads(red["StateReasonData"])
    assert (data["recentDatapoints"], data["threshold"], data["period"], data["statistic"]) == ([6.0], 5.0, 60, "Sum")
    assert red["StateTransitionedTimestamp"] > created["StateTransitionedTimestamp"]
    assert becomes(cloudwatch, "OK"), "the datum leaves the evaluation range"
    assert updates(cloudwatch) == ["INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"]


def test_only_the_metric_with_exactly_these_dimensions_counts(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**PLAIN, Dimensions=[{"Name": "Version", "Value": "2"}])
    assert becomes(cloudwatch, "OK")
    with flow(cloudwatch, 9), flow(cloudwatch, 9, Version="1"):
        assert not becomes(cloudwatch, "ALARM", seconds=3 * MINUTE)
    with flow(cloudwatch, 9, Version="2"):
        assert becomes(cloudwatch, "ALARM")


def test_two_of_three_needs_two(cloudwatch: Any) -> None:
    alarm = PLAIN | {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 5}
    cloudwatch.put_metric_alarm(**alarm)
    assert becomes(cloudwatch, "OK")
    put(cloudwatch, 9)
    assert not becomes(cloudwatch, "ALARM", seconds=2.5 * MINUTE)
    time.sleep(3 * MINUTE)
    put_in_minutes(cloudwatch, 9, 9)
    assert becomes(cloudwatch, "ALARM")
    assert "2 out of the last 3 datapoints" in state(cloudwatch)["StateReason"]


def test_a_long_period_slides_by_the_minute_and_sums_up(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**PLAIN | {"Period": 300})
    assert becomes(cloudwatch, "OK")
    put_in_minutes(cloudwatch, 2, 2, 2)  # 6 in five minutes
    assert becomes(cloudwatch, "ALARM")


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_missing_data_is_treated_as_configured(cloudwatch: Any, treatment: str, expected: str) -> None:
    cloudwatch.put_metric_alarm(**PLAIN | {"TreatMissingData": treatment})
    put(cloudwatch, 9)
    assert becomes(cloudwatch, "ALARM")
    time.sleep(4.5 * MINUTE)
    assert becomes(cloudwatch, expected)


def test_an_alarm_on_metric_math_compares_two_metrics(cloudwatch: Any) -> None:
    metrics = math(("rate", "IF(m2 > 0, 100 * m1 / m2)"))
    cloudwatch.put_metric_alarm(**on_math(metrics, Threshold=20))
    with flow(cloudwatch, 1), flow(cloudwatch, 10, "Calls"):
        assert becomes(cloudwatch, "OK")
        assert not becomes(cloudwatch, "ALARM", seconds=2 * MINUTE)
        with flow(cloudwatch, 3):
            assert becomes(cloudwatch, "ALARM")
    assert state(cloudwatch)["Metrics"] == metrics
    assert "MetricName" not in state(cloudwatch)


def test_filled_metrics_without_any_data_are_zero(cloudwatch: Any) -> None:
    metrics = math(("e1", "FILL(m1, 0)"), ("e2", "FILL(m2, 0)"), ("fires", "IF(e1 > e2, 1, 0)"))
    cloudwatch.put_metric_alarm(
        **on_math(
            metrics, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="breaching"
        )
    )
    assert becomes(cloudwatch, "OK")
    put(cloudwatch, 1)
    assert becomes(cloudwatch, "ALARM")


def test_an_update_keeps_the_state_and_replaces_the_rest(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**PLAIN | {"TreatMissingData": "ignore"}, AlarmDescription="old", OKActions=[])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="by hand")
    before = state(cloudwatch)
    cloudwatch.put_metric_alarm(**PLAIN | {"TreatMissingData": "ignore", "Threshold": 50})
    after = state(cloudwatch)
    assert (after["StateValue"], after["StateReason"], after["Threshold"]) == ("ALARM", "by hand", 50)
    assert after["StateUpdatedTimestamp"] == before["StateUpdatedTimestamp"]
    assert "AlarmDescription" not in after
    assert after["AlarmConfigurationUpdatedTimestamp"] > before["AlarmConfigurationUpdatedTimestamp"]
    found = cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="ConfigurationUpdate")
    assert [item["HistorySummary"] for item in found["AlarmHistoryItems"]] == [
        'Alarm "errors" updated',
        'Alarm "errors" created',
    ]


def test_a_state_set_by_hand_lasts_until_the_next_evaluation(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**PLAIN)
    assert becomes(cloudwatch, "OK")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="try it")
    assert becomes(cloudwatch, "OK")
    assert updates(cloudwatch)[-2:] == ["OK to ALARM", "ALARM to OK"]
    history = cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert json.loads(history[1]["HistoryData"])["newState"]["stateReason"] == "try it"
    assert refused(cloudwatch.set_alarm_state, AlarmName="nowhere", StateValue="OK", StateReason="x")[0] == (
        "ResourceNotFound"
    )


@pytest.mark.parametrize(("enabled", "notified"), [(True, True), (False, False)])
def test_actions_notify_a_topic_and_event_bridge_gets_every_change(
    client: Callable[[str], Any], cloudwatch: Any, enabled: bool, notified: bool
) -> None:
    sqs, sns, events = client("sqs"), client("sns"), client("events")
    url = sqs.create_queue(QueueName="notices")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events.put_rule(Name="alarms", EventPattern=json.dumps({"detail-type": ["CloudWatch Alarm State Change"]}))
    events.put_targets(Rule="alarms", Targets=[{"Id": "queue", "Arn": arn}])
    metrics = math(("rate", "m1 + m2"))
    cloudwatch.put_metric_alarm(
        **on_math(metrics, TreatMissingData="ignore"), AlarmActions=[topic], ActionsEnabled=enabled
    )
    put(cloudwatch, 6)
    assert becomes(cloudwatch, "ALARM")
    received: list[dict[str, Any]] = []

    def all_received() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            received.append(json.loads(message["Body"]))
        return len(received) >= 1 + notified

    assert until(all_received)
    (event,) = [message for message in received if "detail" in message]
    assert (event["source"], event["detail"]["state"]["value"]) == ("aws.cloudwatch", "ALARM")
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert event["detail"]["configuration"]["metrics"][-1] == {
        "id": "rate",
        "expression": "m1 + m2",
        "returnData": True,
    }
    notices = [message for message in received if "Message" in message]
    assert bool(notices) is notified
    history = cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="Action")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [f"Successfully executed action {topic}"] * notified
    if notified:
        assert notices[0]["Subject"] == 'ALARM: "errors" in Europe (Frankfurt)'
        message = json.loads(notices[0]["Message"])
        assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"]) == (
            "errors",
            "ALARM",
            "INSUFFICIENT_DATA",
        )
        assert message["Trigger"]["Metrics"] == metrics
        assert message["NewStateReason"].startswith("Threshold Crossed: 1 datapoint [6.0 (")


def test_an_action_that_cannot_be_done_is_in_the_history(cloudwatch: Any, account: str) -> None:
    arn = f"arn:aws:sns:eu-central-1:{account}:nowhere"
    cloudwatch.put_metric_alarm(**PLAIN, AlarmActions=[arn])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="try it")
    history = cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="Action")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [f"Failed to execute action {arn}"]
    assert "the topic does not exist" in history[0]["HistoryData"]


def test_a_composite_alarm_follows_and_is_listed_only_when_asked_for(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**PLAIN | {"TreatMissingData": "ignore"})
    cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule="ALARM(errors)")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="by hand")
    listed = cloudwatch.describe_alarms()
    assert [alarm["AlarmName"] for alarm in listed["MetricAlarms"]] == ["errors"]
    assert listed["CompositeAlarms"] == []
    (composite,) = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert composite["StateValue"] == "ALARM"
    code, message = refused(cloudwatch.delete_alarms, AlarmNames=["errors"])
    assert (code, "composite alarm(s) depending on it" in message) == ("ValidationError", True)


def test_alarms_are_listed_by_state_prefix_and_page_and_deleted_all_or_none(cloudwatch: Any) -> None:
    for index in range(5):
        cloudwatch.put_metric_alarm(**PLAIN | {"AlarmName": f"a{index}", "TreatMissingData": "ignore"})
    cloudwatch.set_alarm_state(AlarmName="a3", StateValue="ALARM", StateReason="by hand")

    def listed(**filters: Any) -> list[str]:
        return [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms(**filters)["MetricAlarms"]]

    assert listed(StateValue="ALARM") == ["a3"]
    assert listed(AlarmNamePrefix="a") == ["a0", "a1", "a2", "a3", "a4"]
    assert listed(AlarmNames=["a1", "nowhere"]) == ["a1"]
    pages = list(cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 2}))
    assert [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages] == [
        ["a0", "a1"],
        ["a2", "a3"],
        ["a4"],
    ]
    assert refused(cloudwatch.delete_alarms, AlarmNames=["a0", "nowhere"])[0] == "ResourceNotFound"
    assert "a0" in listed()
    cloudwatch.delete_alarms(AlarmNames=["a0", "a1"])
    assert listed() == ["a2", "a3", "a4"]
    found = cloudwatch.describe_alarms_for_metric(Namespace="Shop", MetricName="Errors")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["a2", "a3", "a4"]
    cloudwatch.disable_alarm_actions(AlarmNames=["a2"])
    assert state(cloudwatch, "a2")["ActionsEnabled"] is False
    arn = state(cloudwatch, "a2")["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "orders"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "orders"}]


def test_the_same_name_lives_apart_in_each_region(cloudwatch: Any, cloud: Cloud, account: str) -> None:
    elsewhere = cloud.client("cloudwatch", account, region="us-west-2")
    for each in (cloudwatch, elsewhere):
        each.put_metric_alarm(**PLAIN)
    put(cloudwatch, 9)
    assert becomes(cloudwatch, "ALARM")
    assert becomes(elsewhere, "OK"), "no data is not breaching here, and the evaluation may come later"
