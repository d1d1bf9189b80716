"""Reads an SQS queue for a mapping: several batches at once, each invisible to others until it is done.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import math
from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.identity import guard
from local.cloud.ministack import Seam, ministack
from local.cloud.sources import batches, polls
from local.cloud.sources.delivery import DELIVERY
from local.cloud.sources.filters import Filter
from local.cloud.sources.mappings import Mapping
from local.cloud.sources.runner import Invocation, invoke, on_loop
from local.cloud.timeline import TIMELINE

_SQS = "services.sqs"
_AT_ONCE = 5
"""Batches that Lambda begins with; that it adds some each minute is not imitated."""
_LONGEST_PAUSE = 30.0
_DENIED_SECONDS = 60.0
_UNTIL = "strata_until"
"""In ministack's record of a message whose batch is with the function: when its visibility timeout ends. Until the
function answers it stays invisible, however slow this machine is: on AWS no function runs longer than that timeout."""
ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
NEEDS = [
    Seam(_SQS, "_collect_fifo", "q max_n vis_timeout now"),
    Seam(_SQS, "_collect_msgs", "q max_n vis_timeout"),
    Seam(_SQS, "_delete_messages_for_esm", "queue_url receipt_handles"),
    Seam(_SQS, "_dlq_sweep", "q"),
    Seam(_SQS, "_expire_retained", "q"),
    Seam(_SQS, "_queue_by_arn", "arn"),
]
Message = dict[str, Any]


def missing_action(role: str, session: str, queue: str) -> str:
    """Return the name of the first action that the role may not do on the queue; empty if it may do all."""
    return next((action for action in ACTIONS if not guard.acts(role, session, f"sqs:{action}", queue)), "")


def queue_of(arn: str) -> dict[str, Any] | None:
    """Return ministack's record of a queue."""
    found: dict[str, Any] | None = ministack(_SQS)._queue_by_arn(arn)
    return found


class QueueReader:
    """Reads one queue, on the timeline."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._busy = 0
        self._next = 0.0
        self._denied_until = 0.0

    def begin(self) -> None:
        """Do nothing: a queue has no places."""

    def poll(self) -> None:
        """Invoke the function with what is visible, as often as may be at once."""
        if not self._mapping.polled() or TIMELINE.now() < self._denied_until:
            return
        while self._busy < self._at_once():
            taken, following = on_loop(self._mapping, self._take)
            if following is not None and (following < self._next or self._next <= TIMELINE.now()):
                self._next = following
                TIMELINE.at(following, self.poll)
            if not taken:
                return
            if wanted := self._wanted(taken):
                self._busy += 1
                self._invoke(wanted, 0.0)

    def _at_once(self) -> int:
        if self._mapping.source.endswith(".fifo"):
            return 1
        return int((self._mapping.record.get("ScalingConfig") or {}).get("MaximumConcurrency") or _AT_ONCE)

    def _take(self) -> tuple[list[Message], float | None]:
        """Receive a batch; return it, and when there may be more."""
        service: Any = ministack(_SQS)
        queue = queue_of(self._mapping.source)
        if queue is None:
            return [], None
        if missing_action(self._mapping.role(), self._mapping.record["FunctionName"], self._mapping.source):
            self._denied_until = TIMELINE.now() + CLOCK.real(_DENIED_SECONDS)
            return [], self._denied_until
        service._expire_retained(queue)
        service._dlq_sweep(queue)
        now, most = TIMELINE.now(), self._mapping.record["BatchSize"]
        visible = [message["visible_at"] for message in queue["messages"] if message["visible_at"] <= now]
        due = min(visible, default=now) + CLOCK.real(self._mapping.record["MaximumBatchingWindowInSeconds"])
        if visible and len(visible) < most and now < due:
            return [], due
        taken = _collected(queue, most, now) if visible else []
        for message in taken:
            message[_UNTIL] = now + CLOCK.real(int(queue["attributes"]["VisibilityTimeout"]))
            message["visible_at"] = math.inf
        later = [message["visible_at"] for message in queue["messages"] if now < message["visible_at"] < math.inf]
        return taken, polls.following(min(later)) if later else None

    def _wanted(self, taken: list[Message]) -> list[Message]:
        """Return the messages that pass the filters; delete the others."""
        passes = Filter(self._mapping.record.get("FilterCriteria")).passes
        wanted = [message for message in taken if passes(self._record(message))]
        self._delete([message for message in taken if message not in wanted])
        return wanted

    def _record(self, message: Message) -> dict[str, Any]:
        return event_record(message, self._mapping.source, self._mapping.account)

    def _invoke(self, messages: list[Message], pause: float) -> None:
        handles = [message["receipt_handle"] for message in messages]
        records = [self._record(message) for message in messages]
        invoke(self._mapping, records, lambda result: self._done(messages, handles, result, pause))

    def _done(self, messages: list[Message], handles: list[str], result: Invocation, pause: float) -> None:
        pause = min(max(1.0, 2 * pause), _LONGEST_PAUSE)
        again = TIMELINE.now() + CLOCK.real(pause)
        if not result.ran and self._mapping.polled() and again < min(message[_UNTIL] for message in messages):
            TIMELINE.at(again, lambda: self._invoke(messages, pause))
            return
        self._busy -= 1
        if result.ran and not result.error and not DELIVERY.again():
            names = self._failed(messages, result.body)
            done = [handle for message, handle in zip(messages, handles, strict=True) if message["id"] not in names]
            self._forget(done)
        on_loop(self._mapping, lambda: _give_back(messages))
        self.poll()

    def _failed(self, messages: Sequence[Message], body: Any) -> set[str]:
        known = [message["id"] for message in messages]
        if "ReportBatchItemFailures" not in self._mapping.record["FunctionResponseTypes"]:
            return set()
        names = batches.failed_messages(body, known)
        return set(known) if names is None else names

    def _delete(self, messages: Sequence[Message]) -> None:
        self._forget([message["receipt_handle"] for message in messages])

    def _forget(self, handles: Sequence[str]) -> None:
        """Delete messages, unless they have become visible and were received anew meanwhile."""

        def write() -> None:
            if handles and (queue := queue_of(self._mapping.source)) is not None:
                ministack(_SQS)._delete_messages_for_esm(queue["url"], set(handles))

        on_loop(self._mapping, write)


def _collected(queue: dict[str, Any], most: int, now: float) -> list[Message]:
    """Receive what was visible at `now`, whatever the clock says; of a FIFO queue, one batch of each group."""
    service: Any = ministack(_SQS)
    if queue["is_fifo"]:
        return list(service._collect_fifo(queue, most, 0, now))
    visible = [message for message in queue["messages"] if message["visible_at"] <= now]
    return list(service._collect_msgs({**queue, "messages": visible}, most, 0))


def _give_back(messages: Sequence[Message]) -> None:
    """Let the timeout of messages go on, unless the function has set another."""
    for message in messages:
        if message["visible_at"] == math.inf:
            message["visible_at"] = message[_UNTIL]


def event_record(message: Message, queue: str, account: str) -> dict[str, Any]:
    """Return a message as the function gets it: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    system = message.get("sys") or {}
    attributes = {
        "ApproximateReceiveCount": str(message["receive_count"]),
        "SentTimestamp": str(int(message["sent_at"] * 1000)),
        "SenderId": system.get("SenderId", account),
        "ApproximateFirstReceiveTimestamp": str(int(message["first_receive_at"] * 1000)),
        **{name: system[name] for name in ("AWSTraceHeader", "DeadLetterQueueSourceArn") if system.get(name)},
    }
    for name, key in (
        ("MessageGroupId", "group_id"),
        ("MessageDeduplicationId", "dedup_id"),
        ("SequenceNumber", "seq"),
    ):
        if message.get(key):
            attributes[name] = str(message[key])
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": attributes,
        "messageAttributes": {
            name: _attribute(given) for name, given in (message.get("message_attributes") or {}).items()
        },
        "md5OfBody": message["md5_body"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": queue.split(":")[3],
    }


def _attribute(given: Map[str, Any]) -> dict[str, Any]:
    named = {f"{name[0].lower()}{name[1:]}": value for name, value in given.items()}
    return {"stringListValues": [], "binaryListValues": [], **named}
