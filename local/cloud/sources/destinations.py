"""Sends what a stream's mapping gives up to its destination, a queue.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html has the form of the message.
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.identity import guard
from local.cloud.ministack import Seam, ministack
from local.cloud.sources.batches import Discard
from local.cloud.sources.mappings import Mapping
from local.cloud.sources.runner import on_loop

_SQS = "services.sqs"
SHARD = "shardId-00000000000000000000-00000000"
"""ministack's name of the one shard of a stream."""
NEEDS = [Seam(_SQS, "_act_send_message", "data qurl"), Seam(_SQS, "_queue_by_arn", "arn")]


def of(record: dict[str, Any]) -> str:
    """Return the ARN of a mapping's destination; empty without one."""
    return str(((record.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or "")


def send(mapping: Mapping, discard: Discard) -> None:
    """Send the message about records that are given up; it is lost where the role may not, or the queue is gone."""
    if not (queue := of(mapping.record)):
        return
    body = json.dumps(message(mapping.record, discard))

    def write() -> None:
        if not guard.acts(mapping.role(), mapping.record["FunctionName"], "sqs:SendMessage", queue):
            return
        service: Any = ministack(_SQS)
        found = service._queue_by_arn(queue)
        if found is not None:
            service._act_send_message({"QueueUrl": found["url"], "MessageBody": body}, found["url"])

    on_loop(mapping, write)


def message(record: dict[str, Any], discard: Discard) -> dict[str, Any]:
    """Return the message: where the records are, not the records themselves."""
    entries, answer = discard.batch.entries, discard.answer
    said: dict[str, Any] = {
        "requestContext": {
            "requestId": (answer.request_id if answer else "") or str(uuid.uuid4()),
            "functionArn": record["FunctionArn"],
            "condition": discard.condition,
            "approximateInvokeCount": discard.batch.invocations,
        },
        "version": "1.0",
        "timestamp": _iso(CLOCK.now(), "milliseconds"),
        "DDBStreamBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": entries[0].number,
            "endSequenceNumber": entries[-1].number,
            "approximateArrivalOfFirstRecord": _iso(entries[0].at, "seconds"),
            "approximateArrivalOfLastRecord": _iso(entries[-1].at, "seconds"),
            "batchSize": len(entries),
            "streamArn": record["EventSourceArn"],
        },
    }
    if answer:
        said["responseContext"] = {
            "statusCode": 200,
            "executedVersion": answer.version or "$LATEST",
            "functionError": "Unhandled" if answer.error else None,
        }
    return said


def _iso(at: float, precision: str) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
