"""What Lambda refuses of an event source mapping. Texts are those that users and other projects have seen of AWS.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

from collections.abc import Mapping as Map
from typing import Any

from local.cloud.identity import guard
from local.cloud.routing.aliases import RefusedError
from local.cloud.sources import destinations, mappings, queues, streams
from local.cloud.sources.filters import Filter
from local.cloud.sources.mappings import Mapping

_OF_STREAMS = (
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
)
_NOT_HERE: dict[str, Any] = {
    "AmazonManagedKafkaEventSourceConfig": None,
    "DocumentDBEventSourceConfig": None,
    "KMSKeyArn": "",
    "LoggingConfig": None,
    "MetricsConfig": None,
    "ParallelizationFactor": 1,
    "ProvisionedPollerConfig": None,
    "Queues": None,
    "SelfManagedEventSource": None,
    "SelfManagedKafkaEventSourceConfig": None,
    "SourceAccessConfigurations": None,
    "Topics": None,
    "TumblingWindowInSeconds": 0,
}
"""Members that are not imitated, with the only value that is taken."""
_LEAST_AGE = 60


def invalid(message: str) -> RefusedError:
    """Return Lambda's error for a parameter."""
    return RefusedError("InvalidParameterValueException", message)


def kind(source: str) -> str:
    """Return `sqs` or `dynamodb`. Raises RefusedError for what is neither a queue nor a table's stream."""
    parts = source.split(":")
    if len(parts) == 6 and parts[2] == "sqs":
        return "sqs"
    if len(parts) >= 6 and parts[2] == "dynamodb" and parts[5].startswith("table/") and "/stream/" in source:
        return "dynamodb"
    raise invalid(
        f"Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn: {source}"
    )


def given(data: Map[str, Any], source: str) -> None:
    """Refuse members that do not belong to the source, and those that are not imitated."""
    for name, only in _NOT_HERE.items():
        if data.get(name) not in (None, only):
            raise invalid(f"{name} is {data[name]!r}, which the local cloud does not imitate: leave it out.")
    if kind(source) == "sqs":
        if data.get("StartingPosition") is not None:
            raise invalid("StartingPosition is not valid for SQS event sources.")
        for name in _OF_STREAMS:
            if data.get(name) is not None:
                raise invalid(f"{name} is not valid for SQS event sources.")
    elif data.get("ScalingConfig"):
        raise invalid("ScalingConfig is only supported for Amazon SQS event sources.")
    age = data.get("MaximumRecordAgeInSeconds")
    if age is not None and age != -1 and age < _LEAST_AGE:
        raise invalid(f"MaximumRecordAgeInSeconds is {age}: it must be -1, or {_LEAST_AGE} and more.")


def position(data: Map[str, Any], source: str) -> None:
    """Refuse a stream without a place to begin."""
    if data.get("StartingPositionTimestamp") is not None and data.get("StartingPosition") != "AT_TIMESTAMP":
        raise invalid("Timestamp only valid with StartingPosition AT_TIMESTAMP")
    if kind(source) == "sqs":
        return
    if data.get("StartingPosition") is None:
        raise invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must "
            "not be null."
        )
    if data["StartingPosition"] == "AT_TIMESTAMP":
        raise invalid(f"Unsupported starting position for arn type: {source}")


def fits(mapping: Mapping) -> None:
    """Refuse a new or changed mapping whose function, source, settings and role do not go together."""
    record = mapping.record
    Filter(record.get("FilterCriteria"))
    function = mapping.function()
    if function is None:
        raise invalid("Function does not exist")
    if kind(mapping.source) == "sqs":
        _queue(mapping, function["config"])
    else:
        _stream(mapping)
    _alone(mapping)


def _queue(mapping: Mapping, config: Map[str, Any]) -> None:
    record = mapping.record
    fifo = mapping.source.endswith(".fifo")
    if record["BatchSize"] > 10 and fifo:
        raise invalid("Batch size cannot be greater than 10 for an SQS FIFO queue.")
    if record["MaximumBatchingWindowInSeconds"] and fifo:
        raise invalid("Batching window is not supported for FIFO queues.")
    if record["BatchSize"] > 10 and not record["MaximumBatchingWindowInSeconds"]:
        raise invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
    if missing := queues.missing_action(config["Role"], record["FunctionName"], mapping.source):
        raise invalid(f"The function execution role does not have permissions to call {missing} on SQS")
    queue = queues.queue_of(mapping.source)
    if queue is None:
        raise invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error "
            "Message: The specified queue does not exist or you do not have access to it."
        )
    visible, timeout = int(queue["attributes"]["VisibilityTimeout"]), int(config["Timeout"])
    if visible < timeout:
        raise invalid(f"Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout} seconds")


def _stream(mapping: Mapping) -> None:
    role, name = mapping.role(), mapping.record["FunctionName"]
    if not streams.readable(role, name, mapping.source):
        raise invalid(
            f"Cannot access stream {mapping.source}. Please ensure the role can perform the GetRecords, "
            "GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
        )
    if streams.records(mapping.source, 0) is None:
        raise invalid(f"Stream not found: {mapping.source}")
    if not (queue := destinations.of(mapping.record)):
        return
    if ":sqs:" not in queue or queue.endswith(".fifo"):
        raise invalid(f"The destination {queue} is not imitated by the local cloud: use a standard SQS queue.")
    if not guard.acts(role, name, "sqs:SendMessage", queue):
        raise invalid(f"The function's execution role does not have permissions to call SendMessage on {queue}")
    if queues.queue_of(queue) is None:
        raise invalid(f"The destination ARN {queue} is invalid.")


def _alone(mapping: Mapping) -> None:
    """Refuse a second mapping of a source to the same function, version or alias."""
    record = mapping.record
    for other in mappings.listed():
        same = (other.source, other.record["FunctionArn"]) == (mapping.source, record["FunctionArn"])
        if not same or other is mapping:
            continue
        what = f'function (" {record["FunctionName"]} ")'
        if kind(mapping.source) == "sqs":
            said = f'An event source mapping with SQS arn (" {mapping.source} ") and {what} already exists.'
        else:
            said = f'The event source arn (" {mapping.source} ") and {what} provided mapping already exists.'
        raise RefusedError(
            "ResourceConflictException",
            f"{said} Please update or delete the existing mapping with UUID {other.id}",
            409,
        )
