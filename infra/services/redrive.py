"""Gives dead letters again to the service that they are of. Pure but for the calls of `Letters`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from infra.release.aws.dead_letters import GoneError, Message
from infra.release.engine.cloud import AwsError
from infra.services.matching import matches

POSITION = "DDBStreamBatchInfo"
"""Where Lambda's message about a batch that it gave up names the batch's place in the stream.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

RULE = "RULE_ARN"
"""The attribute by which EventBridge names the rule of an event that it could not deliver."""
OTHER = "it is neither an event, nor a batch of a stream, nor a message of a queue"


class Result(StrEnum):
    """The result of giving a dead letter again."""

    DONE = "done"
    DUE = "due"  # of a dry run: it would be given again
    KEPT = "kept"
    GONE = "gone"


RESULTS = {
    Result.DONE: "given again",
    Result.DUE: "to give again",
    Result.KEPT: "kept",
    Result.GONE: "kept, whose records are gone",
}


@dataclass(frozen=True)
class Redriven:
    """A dead letter, what it holds, the result, and the reason where it was kept."""

    id: str
    holds: str
    result: Result
    reason: str = ""

    def lines(self) -> Iterator[str]:
        """Yield what a person is shown."""
        yield f"  {self.id}  {self.result.value:<4}  {self.holds}"
        if self.reason:
            yield f"    {self.reason}"


class Letters(Protocol):
    """infra.release.aws.dead_letters.DeadLetters."""

    def receive(self) -> Iterator[Message]: ...
    def release(self, message: Message) -> None: ...
    def delete(self, message: Message) -> None: ...
    def send_back(self, message: Message) -> None: ...
    def records(self, position: Mapping[str, Any]) -> list[dict[str, Any]]: ...
    def invoke(self, event: Mapping[str, Any]) -> str: ...


def redrive(letters: Letters, until: int, pattern: Mapping[str, Any] | None, *, dry: bool) -> Iterator[Redriven]:
    """Give each dead letter again that was sent by `until`, in milliseconds since the epoch; yield the results.

    A message is deleted once it is done, and shown again otherwise; a dry run shows all again. `pattern`: the filter of
    the service's stream, which decides what of a batch the function gets.
    """
    shown: list[Message] = []
    try:
        for message in letters.receive():
            shown.append(message)
            if message.sent > until:
                continue
            found = _one(letters, message, pattern, dry=dry)
            if found.result is Result.DONE:
                letters.delete(message)
                shown.pop()
            yield found
    finally:
        for message in shown:
            letters.release(message)


def _one(letters: Letters, message: Message, pattern: Mapping[str, Any] | None, *, dry: bool) -> Redriven:
    holds = "a message of the queue"
    try:
        if message.source:
            if not dry:
                letters.send_back(message)
            return Redriven(message.id, holds, Result.DUE if dry else Result.DONE)
        body = _body(message)
        if event := _event(body, message):
            holds = f"event {event.get('id', 'without an id')} of {event.get('source', 'an unknown source')}"
        else:
            holds, records = _records(letters, body, pattern)
            if not records:
                return Redriven(message.id, holds, Result.KEPT, OTHER)
            # A function that would make a dead letter of a record reports it instead where the event says `redrive`.
            event, holds = {"Records": records, "redrive": True}, ", ".join(_named(each) for each in records)
        if dry:
            return Redriven(message.id, holds, Result.DUE)
        failed = letters.invoke(event)
    except GoneError as problem:
        return Redriven(message.id, holds, Result.GONE, str(problem))
    except AwsError as problem:
        return Redriven(message.id, holds, Result.KEPT, str(problem))
    return Redriven(message.id, holds, Result.KEPT if failed else Result.DONE, failed)


def _body(message: Message) -> Mapping[str, Any]:
    """Return the object that a message holds; an empty one where it holds none."""
    try:
        body = json.loads(message.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _event(body: Mapping[str, Any], message: Message) -> Mapping[str, Any] | None:
    """Return the event of EventBridge that a message is of, if it is of one: Lambda's record of it has the event as
    requestPayload, and EventBridge sends the event itself, with the rule as an attribute.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/rule-dlq.html
    """
    event = body if RULE in (message.attributes or {}) else body.get("requestPayload")
    return event if isinstance(event, dict) and event else None


def _records(
    letters: Letters, body: Mapping[str, Any], pattern: Mapping[str, Any] | None
) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """Return what a message is about, and its records: those that it holds, or those at the place that it names."""
    if isinstance(position := body.get(POSITION), dict):
        first, last = position["startSequenceNumber"], position["endSequenceNumber"]
        place = f"record {first}" if first == last else f"records {first} to {last}"
        try:
            found = letters.records(position)
        except GoneError as problem:
            raise GoneError(f"{place}: {problem}") from problem
        return place, [each for each in found if pattern is None or matches(pattern, each)]
    held = body.get("Records")
    return "", [each for each in held if isinstance(each, dict)] if isinstance(held, list) else ()


def _named(record: Mapping[str, Any]) -> str:
    """Return the key of a record's item, e.g. `id ord_1`; no other attribute, since those may be customers' data."""
    keys = (record.get("dynamodb") or {}).get("Keys") or {}
    return " ".join(f"{name} {next(iter(value.values()))}" for name, value in keys.items()) or "a record"
