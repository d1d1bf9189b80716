"""SQS queues that invoke functions through event source mappings."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import REGION, Cloud, Functions, until
from local.tests.cloud.sources import Sources

REPORT = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
FIRST = "if event['Records'][0]['attributes']['ApproximateReceiveCount'] == '1': "


@pytest.fixture
def sources(client: Callable[[str], Any], functions: Functions) -> Sources:
    return Sources(client, functions)


def counts(sources: Sources) -> list[str]:
    """Return the receive counts of all records, in order."""
    records = (record for _, event in sources.invocations() for record in event["Records"])
    return [record["attributes"]["ApproximateReceiveCount"] for record in records]


def empty(sources: Sources, queue: str = "jobs") -> bool:
    """Return True if a queue holds nothing, visible or not."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return all(sources.attribute(queue, name) == "0" for name in names)


def test_a_record_has_the_members_that_aws_documents(sources: Sources) -> None:
    queue = sources.queue()
    sources.map(queue, sources.consumer(""))
    attributes = {"kind": {"DataType": "String", "StringValue": "new"}}
    sent = sources.sqs.send_message(QueueUrl=sources.url("jobs"), MessageBody="7", MessageAttributes=attributes)
    assert sources.come([7]) == [[7]]
    ((_, event),) = sources.invocations()
    (record,) = event["Records"]
    assert record.pop("receiptHandle")
    times = record["attributes"]
    assert times.pop("SenderId")
    written, received = (int(times.pop(name)) for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"))
    assert written <= received <= time.time() * 1000
    assert record == {
        "messageId": sent["MessageId"],
        "body": "7",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            "kind": {"dataType": "String", "stringValue": "new", "stringListValues": [], "binaryListValues": []}
        },
        "md5OfBody": hashlib.md5(b"7", usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": REGION,
    }
    assert until(lambda: empty(sources))


def test_a_batch_is_no_larger_than_asked_for(sources: Sources) -> None:
    queue = sources.queue()
    alias = sources.consumer("")
    sources.send(*range(5))
    sources.map(queue, alias, BatchSize=2)
    assert until(lambda: sorted(sources.numbers()) == [0, 1, 2, 3, 4])
    assert sorted(map(len, sources.batches())) == [1, 2, 2]


def test_a_window_gathers_more_messages_than_ten(sources: Sources) -> None:
    queue = sources.queue(VisibilityTimeout="600")
    alias = sources.consumer("")
    sources.send(*range(12))
    sources.map(queue, alias, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    assert sources.come(list(range(12))) == [list(range(12))]


def test_messages_that_pass_no_filter_are_deleted(sources: Sources) -> None:
    queue = sources.queue()
    criteria = {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["order"]}})}]}
    sources.functions.alias(sources.functions.create("def handler(event, context):\n    print('SEEN', len(event))\n"))
    sources.map(queue, "orders:live", FilterCriteria=criteria)
    for body in ('{"kind": "order"}', '{"kind": "other"}', "plain"):
        sources.sqs.send_message(QueueUrl=sources.url("jobs"), MessageBody=body)
    assert until(lambda: empty(sources))
    logs = sources.client("logs").filter_log_events(logGroupName="/aws/lambda/orders", filterPattern="SEEN")
    assert len(logs["events"]) == 1


# Failures


def test_a_message_that_fails_comes_again_after_its_visibility_timeout(sources: Sources, cloud: Cloud) -> None:
    queue = sources.queue(VisibilityTimeout="30")
    sources.map(queue, sources.consumer(f"{FIRST}raise ValueError('broken')"))
    began = time.time()
    sources.send(1)
    assert sources.come([1], [1]) == [[1], [1]]
    assert time.time() - began >= cloud.minute / 2
    assert counts(sources) == ["1", "2"]
    assert until(lambda: empty(sources))


def test_a_worker_that_is_killed_loses_no_message(sources: Sources) -> None:
    queue = sources.queue()
    sources.map(queue, sources.consumer(f"import os\n{FIRST}os.kill(os.getpid(), 9)"))
    sources.send(1, 2)
    assert until(lambda: empty(sources))
    assert set(sources.numbers()) == {1, 2}


def test_a_queue_that_is_gone_holds_up_no_other(sources: Sources) -> None:
    gone, queue = sources.queue("gone"), sources.queue()
    alias = sources.consumer("")
    sources.map(gone, alias)
    sources.map(queue, alias)
    sources.sqs.delete_queue(QueueUrl=sources.url("gone"))
    sources.send(1)
    assert sources.come([1]) == [[1]]


def test_only_the_reported_messages_come_again(sources: Sources) -> None:
    queue = sources.queue()
    alias = sources.consumer(f"{FIRST}return failing(event, 1, 3)")
    sources.send(*range(4))
    sources.map(queue, alias, **REPORT)
    assert until(lambda: empty(sources) and len(sources.numbers()) >= 6)
    assert sorted(sources.numbers()) == [0, 1, 1, 2, 3, 3]


@pytest.mark.parametrize(
    "answer", ["{'batchItemFailures': [{'itemIdentifier': ''}]}", "{'batchItemFailures': [{'other': 'x'}]}", "'text'"]
)
def test_a_report_that_names_no_message_fails_the_whole_batch(sources: Sources, answer: str) -> None:
    queue = sources.queue()
    alias = sources.consumer(f"{FIRST}return {answer}")
    sources.send(0, 1)
    sources.map(queue, alias, **REPORT)
    assert until(lambda: len(sources.numbers()) >= 4)
    assert sorted(sources.numbers()) == [0, 0, 1, 1]


def test_a_message_that_always_fails_goes_to_the_dead_letter_queue_after_as_many_receptions(sources: Sources) -> None:
    dead = sources.queue("jobs-dead")
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    queue = sources.queue(RedrivePolicy=policy)
    sources.map(queue, sources.consumer("return failing(event, 5)"), **REPORT)
    sources.send(4, 5)
    assert sources.dead(1, "jobs-dead") == [5]
    assert counts(sources)[-1] == "3"
    assert sources.numbers().count(5) == 3
    assert sources.numbers().count(4) == 1
    assert empty(sources)


def test_a_throttled_function_loses_no_message(sources: Sources) -> None:
    dead = sources.queue("jobs-dead")
    queue = sources.queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1000}))
    alias = sources.consumer("")
    sources.functions.client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    sources.map(queue, alias)
    sources.send(1, 2, 3)
    assert until(lambda: sources.attribute("jobs", "ApproximateNumberOfMessagesNotVisible") == "3")
    sources.functions.client.delete_function_concurrency(FunctionName="orders")
    assert until(lambda: empty(sources))
    assert sorted(sources.numbers()) == [1, 2, 3]


# Seconds


def test_the_seconds_of_a_queue_are_simulated(sources: Sources) -> None:
    sources.queue(VisibilityTimeout="43200")
    url = sources.url("jobs")

    def received() -> list[Any]:
        return list(sources.sqs.receive_message(QueueUrl=url).get("Messages", ()))

    sources.send(1, DelaySeconds=30)
    assert until(received)
    assert received() == []
    sources.send(2)
    (message,) = until(received)
    sources.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=60)
    assert until(received)


def test_a_message_is_kept_for_its_retention_period_of_simulated_time(sources: Sources) -> None:
    sources.queue(MessageRetentionPeriod="60")
    sources.send(1)
    assert until(lambda: empty(sources))


def test_a_new_queue_is_encrypted_by_sqs(sources: Sources) -> None:
    sources.queue()
    assert sources.attribute("jobs", "SqsManagedSseEnabled") == "true"
