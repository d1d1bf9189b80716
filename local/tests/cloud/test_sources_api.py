"""Lambda's calls about event source mappings: answers, states, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Functions
from local.tests.cloud.sources import Sources

INVALID = "InvalidParameterValueException"
REPORT = "ReportBatchItemFailures"


@pytest.fixture
def sources(client: Callable[[str], Any], functions: Functions) -> Sources:
    return Sources(client, functions)


@pytest.fixture
def api(sources: Sources) -> Any:
    return sources.functions.client


def refusal(call: Callable[[], Any]) -> tuple[str, int, str]:
    """Return code, status and message of the error that a call raises."""
    with pytest.raises(ClientError) as error:
        call()
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def answered(response: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what differs each time."""
    assert response.pop("LastModified")
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def test_a_new_mapping_of_a_stream_has_the_defaults_of_aws(sources: Sources, api: Any, account: str) -> None:
    stream, alias = sources.table(), sources.consumer("")
    made = api.create_event_source_mapping(EventSourceArn=stream, FunctionName=alias, StartingPosition="LATEST")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    identity = made["UUID"]
    assert answered(made) == {
        "UUID": identity,
        "EventSourceMappingArn": f"arn:aws:lambda:{REGION}:{account}:event-source-mapping:{identity}",
        "EventSourceArn": stream,
        "FunctionArn": alias,
        "StartingPosition": "LATEST",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "BisectBatchOnFunctionError": False,
        "TumblingWindowInSeconds": 0,
        "DestinationConfig": {"OnFailure": {}},
        "FunctionResponseTypes": [],
        "LastProcessingResult": "No records processed",
        "State": "Creating",
        "StateTransitionReason": "User action",
    }


def test_a_new_mapping_of_a_queue_has_the_defaults_of_aws(sources: Sources, api: Any, account: str) -> None:
    queue, alias = sources.queue(), sources.consumer("")
    made = api.create_event_source_mapping(
        EventSourceArn=queue, FunctionName=alias, FunctionResponseTypes=[REPORT], Tags={"a": "b"}
    )
    identity = made["UUID"]
    arn = f"arn:aws:lambda:{REGION}:{account}:event-source-mapping:{identity}"
    assert answered(made) == {
        "UUID": identity,
        "EventSourceMappingArn": arn,
        "EventSourceArn": queue,
        "FunctionArn": alias,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [REPORT],
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }
    assert api.list_tags(Resource=arn)["Tags"] == {"a": "b"}


def test_a_mapping_goes_through_the_states_of_aws(sources: Sources, api: Any) -> None:
    mapping = sources.map(sources.queue(), sources.consumer(""))
    assert api.update_event_source_mapping(UUID=mapping, BatchSize=5)["State"] == "Updating"
    assert refusal(lambda: api.delete_event_source_mapping(UUID=mapping))[:2] == ("ResourceInUseException", 400)
    sources.wait(mapping, "Enabled")
    assert api.get_event_source_mapping(UUID=mapping)["BatchSize"] == 5
    assert api.update_event_source_mapping(UUID=mapping, Enabled=False)["State"] == "Disabling"
    sources.wait(mapping, "Disabled")
    assert api.update_event_source_mapping(UUID=mapping, BatchSize=6)["State"] == "Updating"
    sources.wait(mapping, "Disabled")
    assert api.update_event_source_mapping(UUID=mapping, Enabled=True)["State"] == "Enabling"
    sources.wait(mapping, "Enabled")
    assert api.delete_event_source_mapping(UUID=mapping)["State"] == "Deleting"
    with pytest.raises(ClientError) as gone:
        sources.wait(mapping, "Deleted")
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_mappings_are_listed_by_source_and_by_function_in_pages(sources: Sources, api: Any) -> None:
    one, two = sources.queue("one"), sources.queue("two")
    first, second = sources.consumer("", "first"), sources.consumer("", "second")
    for queue, function in ((one, first), (two, first), (one, second)):
        api.create_event_source_mapping(EventSourceArn=queue, FunctionName=function)

    def listed(**wanted: Any) -> list[tuple[str, str]]:
        pages = api.get_paginator("list_event_source_mappings").paginate(**wanted)
        return [(each["EventSourceArn"], each["FunctionArn"]) for page in pages for each in page["EventSourceMappings"]]

    assert listed(PaginationConfig={"PageSize": 2}) == [(one, first), (two, first), (one, second)]
    assert listed(EventSourceArn=one) == [(one, first), (one, second)]
    assert listed(FunctionName="first:live") == [(one, first), (two, first)]
    assert listed(FunctionName="first") == []


def test_a_second_mapping_of_a_source_to_one_alias_is_a_conflict(sources: Sources, api: Any) -> None:
    stream, queue, alias = sources.table(), sources.queue(), sources.consumer("")
    existing = sources.map(stream, alias)
    assert refusal(lambda: sources.map(stream, alias)) == (
        "ResourceConflictException",
        409,
        f'The event source arn (" {stream} ") and function (" orders ") provided mapping already exists. Please update '
        f"or delete the existing mapping with UUID {existing}",
    )
    existing = sources.map(queue, alias)
    assert refusal(lambda: sources.map(queue, alias)) == (
        "ResourceConflictException",
        409,
        f'An event source mapping with SQS arn (" {queue} ") and function (" orders ") already exists. Please update '
        f"or delete the existing mapping with UUID {existing}",
    )
    sources.map(queue, "orders")


def test_a_queue_whose_visibility_timeout_is_shorter_than_the_functions_timeout_is_refused(
    sources: Sources, api: Any
) -> None:
    queue, alias = sources.queue(VisibilityTimeout="9"), sources.consumer("")
    said = "Queue visibility timeout: 9 seconds is less than Function timeout: 10 seconds"
    assert refusal(lambda: sources.map(queue, alias)) == (INVALID, 400, said)
    sources.sqs.set_queue_attributes(QueueUrl=sources.url("jobs"), Attributes={"VisibilityTimeout": "10"})
    mapping = sources.map(queue, alias)
    slow = sources.consumer("", "slow", Timeout=11)
    changed = lambda: api.update_event_source_mapping(UUID=mapping, FunctionName=slow)  # noqa: E731
    assert refusal(changed)[2].endswith("Function timeout: 11 seconds")
    assert api.get_event_source_mapping(UUID=mapping)["FunctionArn"] == alias


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"StartingPosition": None}, "Value null at 'startingPosition' failed to satisfy constraint"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "Unsupported starting position for arn type"),
        ({"StartingPositionTimestamp": 1}, "Timestamp only valid with StartingPosition AT_TIMESTAMP"),
        ({"FunctionName": "other"}, "Function does not exist"),
        ({"FunctionName": "orders:other"}, "Function does not exist"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "text"}]}}, "Invalid filter pattern definition."),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"a": "b"}'}]}}, "Invalid filter pattern definition."),
        ({"MaximumRecordAgeInSeconds": 59}, "MaximumRecordAgeInSeconds is 59"),
        ({"ParallelizationFactor": 2}, "does not imitate"),
        ({"TumblingWindowInSeconds": 10}, "does not imitate"),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, "only supported for Amazon SQS"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sns:{here}:t"}}}, "is not imitated"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:{here}:none"}}}, "is invalid"),
        ({"EventSourceArn": "arn:aws:dynamodb:{here}:table/none/stream/2026"}, "Stream not found: arn:aws:dynamodb"),
        ({"EventSourceArn": "arn:aws:kinesis:{here}:stream/s"}, "Unrecognized event source"),
        ({"EventSourceArn": None}, "Unrecognized event source"),
    ],
)
def test_a_mapping_of_a_stream_is_refused(
    sources: Sources, api: Any, account: str, settings: dict[str, Any], message: str
) -> None:
    request = {"EventSourceArn": sources.table(), "FunctionName": sources.consumer(""), "StartingPosition": "LATEST"}
    placed = _placed(settings, f"{REGION}:{account}")
    given = {name: value for name, value in {**request, **placed}.items() if value is not None}
    code, status, said = refusal(lambda: api.create_event_source_mapping(**given))
    assert (code, status) == (INVALID, 400)
    assert message in said
    assert api.list_event_source_mappings()["EventSourceMappings"] == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources."),
        ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
        ({"MaximumRetryAttempts": 1}, "MaximumRetryAttempts is not valid for SQS event sources."),
        ({"BisectBatchOnFunctionError": True}, "BisectBatchOnFunctionError is not valid for SQS event sources."),
        ({"EventSourceArn": "arn:aws:sqs:{here}:none"}, "AWS.SimpleQueueService.NonExistentQueue"),
    ],
)
def test_a_mapping_of_a_queue_is_refused(
    sources: Sources, api: Any, account: str, settings: dict[str, Any], message: str
) -> None:
    request = {"EventSourceArn": sources.queue(), "FunctionName": sources.consumer("")}
    given = {**request, **_placed(settings, f"{REGION}:{account}")}
    code, status, said = refusal(lambda: api.create_event_source_mapping(**given))
    assert (code, status) == (INVALID, 400)
    assert message in said


def test_bounds_are_those_of_the_model(sources: Sources, api: Any) -> None:
    queue, alias = sources.queue(), sources.consumer("")
    code, _, said = refusal(lambda: sources.map(queue, alias, BatchSize=0))
    assert code == "ValidationException"
    assert "Value '0' at 'batchSize' failed to satisfy constraint: Member must have value greater than or" in said


def _placed(value: Any, here: str) -> Any:
    """Return `value` with region and account in its texts."""
    if isinstance(value, dict):
        return {name: _placed(part, here) for name, part in value.items()}
    return value.replace("{here}", here) if isinstance(value, str) else value
