"""The metrics of queues, and the alarm on a dead letter that rests on them."""

import time
from collections.abc import Callable
from typing import Any

from local.tests.cloud.conftest import until

VISIBLE = "ApproximateNumberOfMessagesVisible"


def numbers(cloudwatch: Any, queue: str) -> dict[str, float]:
    """Return the latest value of each metric of a queue, of the last five minutes."""
    found = cloudwatch.list_metrics(Namespace="AWS/SQS", Dimensions=[{"Name": "QueueName", "Value": queue}])["Metrics"]
    queries = [
        {"Id": f"m{place}", "MetricStat": {"Metric": each, "Period": 60, "Stat": "Maximum"}}
        for place, each in enumerate(found)
    ]
    if not queries:
        return {}
    now = time.time()
    answer = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=now - 5, EndTime=now + 5)
    values = [result["Values"][:1] for result in answer["MetricDataResults"]]
    return {each["MetricName"]: value[0] for each, value in zip(found, values, strict=True) if value}


def test_an_alarm_fires_while_there_is_a_dead_letter(client: Callable[[str], Any], cloudwatch: Any) -> None:
    sqs = client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    cloudwatch.put_metric_alarm(
        AlarmName="dead",
        Namespace="AWS/SQS",
        MetricName=VISIBLE,
        Dimensions=[{"Name": "QueueName", "Value": "dead"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        TreatMissingData="notBreaching",
    )

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["dead"])["MetricAlarms"]
        return str(alarm["StateValue"])

    assert until(lambda: state() == "OK")
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    assert until(lambda: state() == "ALARM")
    (message,) = sqs.receive_message(QueueUrl=dead)["Messages"]
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    assert until(lambda: state() == "OK")


def test_a_queue_has_the_numbers_of_its_visible_received_and_delayed_messages(
    client: Callable[[str], Any], cloudwatch: Any
) -> None:
    sqs = client("sqs")
    jobs = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "43200"})["QueueUrl"]
    for _ in range(4):
        sqs.send_message(QueueUrl=jobs, MessageBody="{}")
    sqs.send_message(QueueUrl=jobs, MessageBody="{}", DelaySeconds=900)
    sqs.receive_message(QueueUrl=jobs, MaxNumberOfMessages=1)
    hidden = "ApproximateNumberOfMessagesNotVisible"
    delayed = {VISIBLE: 3, hidden: 1, "ApproximateNumberOfMessagesDelayed": 1}
    shown = {VISIBLE: 4, hidden: 1, "ApproximateNumberOfMessagesDelayed": 0}  # what a slow machine sees
    assert until(lambda: numbers(cloudwatch, "jobs") in (delayed, shown)), numbers(cloudwatch, "jobs")
