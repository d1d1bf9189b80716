"""A queue of dead letters, and what its messages are given to again: a queue, or a function's alias.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.release.aws import log_errors
from infra.release.aws.clients import Clients
from infra.release.aws.errors import aws_call
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError, NotFoundError

_HIDDEN_SECONDS = 900  # the longest that a function runs, so that no message is received twice meanwhile
_WAIT_SECONDS = 1  # any wait makes SQS ask all its servers, so that an empty answer means an empty queue
_EMPTY_PAGES = 5  # in a row: a page of an open shard may be empty though records follow
_SYSTEM = ("SentTimestamp", "DeadLetterQueueSourceArn")
_GONE = ("TrimmedDataAccessException", "ResourceNotFoundException")
"""The record is older than the stream's day, or the stream itself is no more."""


class GoneError(AwsError):
    """The stream has the records no more."""


@dataclass(frozen=True)
class Message:
    """A dead letter. `source` is the ARN of the queue that SQS moved it from; empty where something sent it here."""

    id: str
    body: str
    sent: int  # milliseconds since the epoch
    handle: str
    source: str = ""
    attributes: Mapping[str, Any] | None = None


class DeadLetters:
    """The dead letters of one function. Its calls raise AwsError and TransientError."""

    def __init__(self, clients: Clients, function: str, alias: str, queue: str) -> None:
        self._clients, self._function, self._alias, self._name = clients, function, alias, queue
        self._url = self._url_of(queue)

    @classmethod
    def of(cls, region: str, function: str, alias: str, queue: str) -> DeadLetters:
        """Return those of a function in a region. Raises NotFoundError if there is no such queue."""
        return cls(Clients(region, ScaledClock.from_environment()), function, alias, queue)

    def receive(self) -> Iterator[Message]:
        """Yield the messages of the queue, and hide each for as long as a function may run."""
        while True:
            with aws_call("sqs ReceiveMessage", f"queue {self._name}"):
                answer = self._clients.queues.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=_HIDDEN_SECONDS,
                    WaitTimeSeconds=_WAIT_SECONDS,
                    AttributeNames=list(_SYSTEM),
                    MessageAttributeNames=["All"],
                )
            if not (found := answer.get("Messages")):
                return
            for each in found:
                system = each.get("Attributes", {})
                yield Message(
                    id=each["MessageId"],
                    body=each["Body"],
                    sent=int(system.get("SentTimestamp", 0)),
                    handle=each["ReceiptHandle"],
                    source=system.get("DeadLetterQueueSourceArn", ""),
                    attributes=each.get("MessageAttributes"),
                )

    def release(self, message: Message) -> None:
        """Show a message again that is kept."""
        with aws_call("sqs ChangeMessageVisibility", f"queue {self._name}", fine="MessageNotInflight"):
            self._clients.queues.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.handle, VisibilityTimeout=0
            )

    def delete(self, message: Message) -> None:
        with aws_call("sqs DeleteMessage", f"queue {self._name}"):
            self._clients.queues.delete_message(QueueUrl=self._url, ReceiptHandle=message.handle)

    def send_back(self, message: Message) -> None:
        """Send a message to the queue that it came from, as a new one."""
        queue = message.source.rpartition(":")[2]
        with aws_call("sqs SendMessage", f"queue {queue}"):
            self._clients.queues.send_message(
                QueueUrl=self._url_of(queue),
                MessageBody=message.body,
                MessageAttributes={name: _sent(value) for name, value in (message.attributes or {}).items()},
            )

    def records(self, position: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the records of a stream from startSequenceNumber to endSequenceNumber, as a function gets them.

        Raises GoneError if the stream has not all of them any more.
        """
        stream, last = str(position["streamArn"]), int(position["endSequenceNumber"])
        found: list[dict[str, Any]] = []
        seen = 0
        try:
            for record in self._read(stream, str(position["shardId"]), str(position["startSequenceNumber"])):
                if (seen := int(record["dynamodb"]["SequenceNumber"])) > last:
                    break
                found.append(_event_record(record, stream))
        except AwsError as problem:
            if not isinstance(problem, NotFoundError) and not any(code in str(problem) for code in _GONE):
                raise
            raise GoneError(f"the stream keeps records for a day and has these no more: {problem}") from problem
        if seen < last:
            raise AwsError(f"the stream gives no records up to {last}, only up to {seen}; try again")
        return found

    def _read(self, stream: str, shard: str, start: str) -> Iterator[Any]:
        with aws_call("dynamodbstreams GetShardIterator", f"record {start}"):
            iterator = self._clients.streams.get_shard_iterator(
                StreamArn=stream, ShardId=shard, ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=start
            )["ShardIterator"]
        empty = 0
        while iterator is not None:
            with aws_call("dynamodbstreams GetRecords", f"record {start}"):
                page = self._clients.streams.get_records(ShardIterator=iterator)
            yield from page["Records"]
            empty = 0 if page["Records"] else empty + 1
            iterator = page.get("NextShardIterator") if empty < _EMPTY_PAGES else None

    def invoke(self, event: Mapping[str, Any]) -> str:
        """Give an event to the alias, and wait for the answer; return why it failed, or an empty text.

        Of a batch, which has `Records`, it has failed too if the function reports one of them.
        """
        with aws_call("lambda Invoke", f"alias {self._alias} of {self._function}"):
            answer = self._clients.functions.invoke(
                FunctionName=self._function, Qualifier=self._alias, Payload=json.dumps(event).encode()
            )
            payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            return log_errors.failure(payload, raised=True) or "it raised an error"
        records = event.get("Records", ())
        failures = _failures(payload) if records else ()
        return f"it reports {len(failures)} of {len(records)} as failed; its log says why" if failures else ""

    def _url_of(self, queue: str) -> str:
        with aws_call("sqs GetQueueUrl", f"queue {queue}"):
            return str(self._clients.queues.get_queue_url(QueueName=queue)["QueueUrl"])


def _failures(payload: bytes) -> Sequence[Any]:
    answer = json.loads(payload or b"null")
    found = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return found if isinstance(found, list) else ()


def _sent(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message's attribute as SendMessage takes it."""
    return {name: value for name, value in attribute.items() if not name.endswith("ListValues")}


def _event_record(record: Mapping[str, Any], stream: str) -> dict[str, Any]:
    """Return a record of GetRecords as Lambda hands it over.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    shown: dict[str, Any] = {**_plain(record), "eventSourceARN": stream}
    if "userIdentity" in shown:
        shown["userIdentity"] = {f"{name[0].lower()}{name[1:]}": said for name, said in shown["userIdentity"].items()}
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | set | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return int(value.timestamp()) if isinstance(value, datetime) else value
