"""`redrive` gives an event of EventBridge to the service again, whichever way it became a dead letter."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.release.aws.dead_letters import Message
from infra.services.redrive import OTHER, Redriven, Result, redrive

EVENT = {"id": "6f87d04b", "source": "shop", "detail-type": "Order placed", "detail": {"total": 11}}
HOLDS = "event 6f87d04b of shop"
RULE = {"RULE_ARN": {"DataType": "String", "StringValue": "arn:aws:events:eu-central-1:333333333333:rule/x"}}
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
RECORD = {
    "version": "1.0",
    "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
    "requestPayload": EVENT,
    "responsePayload": {"errorMessage": "no such column", "errorType": "RuntimeError"},
}
UNDELIVERED = Message("m1", json.dumps(EVENT), 1, "h1", attributes=RULE)
FAILED = Message("m1", json.dumps(RECORD), 1, "h1")


@dataclass
class Queue:
    """A dead-letter queue of one message; its function answers with `failure`."""

    message: Message
    failure: str = ""
    invoked: list[Mapping[str, Any]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def receive(self) -> Iterator[Message]:
        yield self.message

    def release(self, message: Message) -> None:
        self.done.append(f"released {message.id}")

    def delete(self, message: Message) -> None:
        self.done.append(f"deleted {message.id}")

    def send_back(self, message: Message) -> None:
        raise AssertionError("no queue sent it")

    def records(self, position: Mapping[str, Any]) -> list[dict[str, Any]]:
        raise AssertionError("it is of no stream")

    def invoke(self, event: Mapping[str, Any]) -> str:
        self.invoked.append(event)
        return self.failure


@pytest.mark.parametrize("message", [UNDELIVERED, FAILED], ids=["undelivered", "failed"])
def test_an_event_is_given_again_as_it_was_and_deleted(message: Message) -> None:
    queue = Queue(message)
    assert list(redrive(queue, 2, None, dry=False)) == [Redriven("m1", HOLDS, Result.DONE)]
    assert (queue.invoked, queue.done) == ([EVENT], ["deleted m1"])


@pytest.mark.parametrize("message", [UNDELIVERED, FAILED], ids=["undelivered", "failed"])
def test_an_event_that_fails_again_is_kept_with_the_reason(message: Message) -> None:
    queue = Queue(message, failure="RuntimeError: no such column")
    assert list(redrive(queue, 2, None, dry=False)) == [Redriven("m1", HOLDS, Result.KEPT, queue.failure)]
    assert queue.done == ["released m1"]


def test_a_dry_run_gives_no_event_again() -> None:
    queue = Queue(UNDELIVERED)
    assert list(redrive(queue, 2, None, dry=True)) == [Redriven("m1", HOLDS, Result.DUE)]
    assert (queue.invoked, queue.done) == ([], ["released m1"])


@pytest.mark.parametrize("body", ["{}", "[]", "no JSON", '{"requestPayload": null}', '{"requestPayload": "text"}'])
def test_what_holds_no_event_is_kept(body: str) -> None:
    queue = Queue(Message("m1", body, 1, "h1"))
    assert list(redrive(queue, 2, None, dry=False)) == [Redriven("m1", "", Result.KEPT, OTHER)]
    assert (queue.invoked, queue.done) == ([], ["released m1"])
