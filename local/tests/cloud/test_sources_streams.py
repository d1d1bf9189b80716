"""DynamoDB streams that invoke functions through event source mappings."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import REGION, Cloud, Functions, until
from local.tests.cloud.sources import Sources

REPORT = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


@pytest.fixture
def sources(client: Callable[[str], Any], functions: Functions) -> Sources:
    return Sources(client, functions)


# Records


def test_a_record_has_the_members_that_aws_documents(sources: Sources, account: str) -> None:
    stream = sources.table()
    alias = sources.consumer("")
    sources.map(stream, alias)
    before = time.time()
    sources.put(101, Message={"S": "New item!"})
    assert sources.come([101]) == [[101]]
    sources.put(101, Message={"S": "This item has changed"})
    assert sources.come([101], [101]) == [[101], [101]]
    (_, first), (_, second) = sources.invocations()
    (one,), (two,) = first["Records"], second["Records"]
    change = one.pop("dynamodb")
    assert re.fullmatch("[0-9a-f]{32}", one.pop("eventID"))
    assert one == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "eventSourceARN": stream,
    }
    assert re.fullmatch("[1-9][0-9]{20,39}", change["SequenceNumber"])
    assert int(before) <= change["ApproximateCreationDateTime"] <= time.time()
    assert {name: change[name] for name in ("Keys", "NewImage", "SizeBytes", "StreamViewType")} == {
        "Keys": {"n": {"N": "101"}},
        "NewImage": {"n": {"N": "101"}, "Message": {"S": "New item!"}},
        "SizeBytes": 24,  # AWS's example has 26, with a key of one letter more
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    assert "OldImage" not in change
    assert (two["eventName"], two["dynamodb"]["SizeBytes"]) == ("MODIFY", 56)
    assert two["dynamodb"]["OldImage"]["Message"] == {"S": "New item!"}
    assert two["dynamodb"]["SequenceNumber"] > change["SequenceNumber"]


def test_the_age_of_the_last_record_is_a_metric_of_the_function(sources: Sources, client: Callable[[str], Any]) -> None:
    sources.map(sources.table(), sources.consumer(""))
    sources.put(1)
    assert sources.come([1]) == [[1]]

    def listed() -> list[set[str]]:
        found = client("cloudwatch").list_metrics(Namespace="AWS/Lambda", MetricName="IteratorAge")["Metrics"]
        return [{each["Name"] for each in one["Dimensions"]} for one in found]

    assert until(lambda: {"FunctionName", "Resource"} in listed())


def test_every_change_has_a_record_and_a_write_that_changes_nothing_has_none(sources: Sources) -> None:
    sources.map(sources.table(view="KEYS_ONLY"), sources.consumer(""))
    key = {"n": {"N": "1"}}
    sources.put(1, state={"S": "placed"})
    sources.put(1, state={"S": "placed"})
    for state in ("placed", "fulfilled"):
        sources.dynamodb.update_item(
            TableName="numbers",
            Key=key,
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":s": {"S": state}},
        )
    sources.dynamodb.delete_item(TableName="numbers", Key=key)
    sources.dynamodb.delete_item(TableName="numbers", Key=key)
    sources.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "numbers", "Item": {"n": {"N": "2"}}}}])

    def names() -> list[str]:
        found = [record for _, event in sources.invocations() for record in event["Records"]]
        assert all("NewImage" not in record["dynamodb"] for record in found)
        return [record["eventName"] for record in found]

    assert until(lambda: sources.batches() and len(names()) >= 4)
    assert names() == ["INSERT", "MODIFY", "REMOVE", "INSERT"]


def test_an_item_that_expires_is_removed_by_the_service(sources: Sources) -> None:
    sources.map(sources.table(), sources.consumer(""))
    sources.dynamodb.update_time_to_live(
        TableName="numbers", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )
    sources.put(1, until={"N": str(int(time.time()) - 1)})
    sources.put(2, until={"N": str(int(time.time()) + 3600)})

    def removed() -> list[Any]:
        found = [record for _, event in sources.invocations() for record in event["Records"]]
        return [record for record in found if record["eventName"] == "REMOVE"]

    assert until(lambda: sources.batches() and removed())
    (record,) = removed()
    assert record["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert record["dynamodb"]["Keys"] == {"n": {"N": "1"}}
    assert [item["n"]["N"] for item in sources.dynamodb.scan(TableName="numbers")["Items"]] == ["2"]


# Places and batches


def test_latest_begins_once_the_mapping_is_enabled_and_the_horizon_at_the_first_record(sources: Sources) -> None:
    stream = sources.table()
    sources.put(1)
    sources.map(stream, sources.consumer("", "latest"), StartingPosition="LATEST")
    sources.map(stream, sources.consumer("", "horizon"))
    sources.put(2)
    until(lambda: sources.batches("latest") and len(sources.numbers("horizon")) == 2)
    assert sources.batches("latest") == [[2]]
    assert sources.numbers("horizon") == [1, 2]


def test_a_batch_is_no_larger_than_asked_for_and_in_order(sources: Sources) -> None:
    stream = sources.table()
    sources.put(*range(7))
    sources.map(stream, sources.consumer(""), BatchSize=3)
    assert sources.come([0, 1, 2], [3, 4, 5], [6]) == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_window_gathers_records_until_the_batch_is_full_or_time_is_up(sources: Sources, cloud: Cloud) -> None:
    stream = sources.table()
    alias = sources.consumer("")
    sources.put(0, 1, 2, 3)
    sources.map(stream, alias, BatchSize=3, MaximumBatchingWindowInSeconds=30)
    assert sources.come([0, 1, 2], [3]) == [[0, 1, 2], [3]]
    began = time.time()
    requests = [{"PutRequest": {"Item": {"n": {"N": str(number)}}}} for number in (4, 5)]
    sources.dynamodb.batch_write_item(RequestItems={"numbers": requests})
    assert sources.come([0, 1, 2], [3], [4, 5]) == [[0, 1, 2], [3], [4, 5]]
    assert time.time() - began >= cloud.minute / 2


def test_only_records_that_pass_a_filter_reach_the_function(sources: Sources) -> None:
    pattern = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"id": {"S": [{"prefix": "ord_"}]}}}}
    criteria = {"Filters": [{"Pattern": json.dumps(pattern)}]}
    sources.map(sources.table(), sources.consumer(""), FilterCriteria=criteria)
    sources.put(1, id={"S": "ord_1"})
    sources.put(2, id={"S": "fulfilment#ord_1"})
    sources.put(1, id={"S": "ord_1"}, state={"S": "fulfilled"})
    sources.put(3, id={"S": "ord_3"})
    until(lambda: len(sources.numbers()) >= 2)
    assert sources.numbers() == [1, 3]


# Failures


def test_a_batch_that_fails_is_tried_again_and_holds_up_what_follows(sources: Sources) -> None:
    stream = sources.table()
    sources.put(1, 2, 3)
    sources.consumer("raise ValueError('broken')")
    mapping = sources.map(stream, sources.functions.alias("1"), BatchSize=2)
    until(lambda: len(sources.batches()) >= 3)
    assert sources.batches()[:3] == [[1, 2]] * 3
    state = sources.functions.client.get_event_source_mapping(UUID=mapping)
    assert state["LastProcessingResult"] == "PROBLEM: Function call failed"
    sources.functions.alias(sources.functions.publish("def handler(event, context):\n    return {}\n"))
    assert until(
        lambda: sources.functions.client.get_event_source_mapping(UUID=mapping)["LastProcessingResult"] == "OK"
    )


def test_a_reported_record_is_the_checkpoint_from_which_the_batch_is_tried_again(sources: Sources) -> None:
    stream = sources.table()
    sources.put(*range(6))
    alias = sources.consumer("return failing(event, 4, 2)")
    sources.map(stream, alias, MaximumRetryAttempts=1, **REPORT)
    assert sources.come([0], [2])[:2] == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5]]


@pytest.mark.parametrize(
    "answer",
    [
        "{'batchItemFailures': [{'itemIdentifier': ''}]}",
        "{'batchItemFailures': [{'itemIdentifier': None}]}",
        "{'batchItemFailures': [{'other': '1'}]}",
        "{'batchItemFailures': [{'itemIdentifier': 'unknown'}]}",
    ],
)
def test_a_report_that_names_no_record_fails_the_whole_batch(sources: Sources, answer: str) -> None:
    stream = sources.table()
    sources.put(1, 2)
    sources.map(stream, sources.consumer(f"return {answer}"), MaximumRetryAttempts=1, **REPORT)
    assert sources.come([1, 2], [1, 2])[:2] == [[1, 2], [1, 2]]


def test_bisecting_leaves_only_the_poison_to_the_destination(sources: Sources, account: str) -> None:
    stream = sources.table()
    dead = sources.queue("dead")
    sources.put(*range(5))
    alias = sources.consumer("if 3 in numbers: raise ValueError('poison')")
    sources.map(
        stream,
        alias,
        BatchSize=5,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )
    expected = [[0, 1, 2, 3, 4], [0, 1, 2], [3, 4], [3], [3], [3], [4]]
    assert sources.come(*expected) == expected
    (said,) = sources.dead(1)
    ((number,),) = ([r["dynamodb"]["SequenceNumber"] for r in e["Records"]] for _, e in sources.invocations()[3:4])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("timestamp"))
    arrivals = [said["DDBStreamBatchInfo"].pop(f"approximateArrivalOf{which}Record") for which in ("First", "Last")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at) for at in arrivals)
    assert re.fullmatch("[0-9a-f-]{36}", said["requestContext"].pop("requestId"))
    assert said == {
        "requestContext": {
            "functionArn": alias,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 5,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "1", "functionError": "Unhandled"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000000000000000000-00000000",
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "batchSize": 1,
            "streamArn": stream,
        },
    }


def test_reports_and_bisecting_together_lose_no_record_but_the_poison(sources: Sources) -> None:
    stream = sources.table()
    dead = sources.queue("dead")
    sources.put(*range(8))
    alias = sources.consumer("return failing(event, 2, 5)")
    sources.map(
        stream,
        alias,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": dead}},
        **REPORT,
    )
    found = sources.dead(2)
    infos = [message["DDBStreamBatchInfo"] for message in found]
    assert [info["batchSize"] for info in infos] == [1, 1]
    assert until(lambda: {n for batch in sources.batches() for n in batch} == set(range(8)))
    numbers = {
        record["dynamodb"]["SequenceNumber"]: record["dynamodb"]["Keys"]["n"]["N"]
        for _, event in sources.invocations()
        for record in event["Records"]
    }
    assert [numbers[info["startSequenceNumber"]] for info in infos] == ["2", "5"]
    assert found[0]["responseContext"]["functionError"] is None


def test_a_record_that_is_too_old_goes_to_the_destination_without_a_further_try(sources: Sources) -> None:
    stream = sources.table()
    dead = sources.queue("dead")
    sources.put(1)
    sources.consumer("raise ValueError('broken')")
    sources.map(
        stream,
        sources.functions.alias("1"),
        MaximumRecordAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )
    (message,) = sources.dead(1)
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"


def test_a_throttled_function_loses_no_record(sources: Sources) -> None:
    stream = sources.table()
    sources.consumer("")
    sources.functions.client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    mapping = sources.map(stream, sources.functions.alias("1"), MaximumRetryAttempts=0)
    sources.put(1, 2)
    get = sources.functions.client.get_event_source_mapping
    assert until(lambda: get(UUID=mapping)["LastProcessingResult"] == "PROBLEM: Function call failed")
    sources.functions.client.delete_function_concurrency(FunctionName="orders")
    until(lambda: len(sources.numbers()) >= 2)
    assert sources.numbers() == [1, 2]


def test_the_records_of_a_disabled_stream_are_still_read(sources: Sources) -> None:
    stream = sources.table()
    alias = sources.consumer("")
    sources.put(1, 2)
    sources.dynamodb.update_table(TableName="numbers", StreamSpecification={"StreamEnabled": False})
    sources.put(3)
    sources.map(stream, alias)
    assert sources.come([1, 2]) == [[1, 2]]


# Routing


def test_each_invocation_is_routed_by_the_alias_weights_and_counted_by_version(
    sources: Sources, cloudwatch: Any
) -> None:
    stream = sources.table()
    sources.consumer("")
    second = sources.functions.publish("import json\n\ndef handler(event, context):\n    raise ValueError\n")
    alias = sources.functions.alias("1", {second: 0.5})
    sources.put(*range(20))
    sources.map(stream, alias, BatchSize=1, MaximumRetryAttempts=0)
    assert until(lambda: _sum(cloudwatch, "Invocations") == 20)
    failed, ran = _sum(cloudwatch, "Errors", second), _sum(cloudwatch, "Invocations", second)
    assert 0 < ran < 20
    assert failed == ran
    assert _sum(cloudwatch, "Invocations", "1") == 20 - ran
    assert {version for version, _ in sources.invocations()} == {"1"}


def _sum(cloudwatch: Any, metric: str, version: str = "") -> float:
    dimensions = {"FunctionName": "orders", "Resource": "orders:live"} | (
        {"ExecutedVersion": version} if version else {}
    )
    now = time.time()
    found = cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - 300,
        EndTime=now + 60,
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


# Ends


def test_a_disabled_mapping_keeps_its_place(sources: Sources) -> None:
    stream = sources.table()
    mapping = sources.map(stream, sources.consumer(""))
    sources.put(1)
    assert sources.come([1]) == [[1]]
    sources.functions.client.update_event_source_mapping(UUID=mapping, Enabled=False)
    sources.wait(mapping, "Disabled")
    sources.put(2)
    sources.functions.client.update_event_source_mapping(UUID=mapping, Enabled=True)
    sources.wait(mapping, "Enabled")
    assert sources.come([1], [2]) == [[1], [2]]
