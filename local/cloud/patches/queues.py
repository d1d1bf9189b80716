"""Patches of ministack's SQS: visibility, delay and retention are simulated seconds.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

import time
from collections.abc import Callable
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.sources.poller import POLLER

_SQS = "services.sqs"
_RETENTION = "345600"
Original = Callable[..., Any]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [Seam(_SQS, "_get_q", "url action")]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    real = "its seconds were real ones"
    return [
        Patch(
            Seam(_SQS, "_collect_msgs", "q max_n vis_timeout"),
            real,
            lambda original: lambda q, max_n, vis_timeout: original(q, max_n, CLOCK.real(vis_timeout)),
        ),
        Patch(Seam(_SQS, "queue_delay", "q"), real, lambda original: lambda q: CLOCK.real(original(q))),
        Patch(Seam(_SQS, "_expire_retained", "q"), real, lambda _: _expire),
        Patch(
            Seam(_SQS, "_act_create_queue", "data _u"),
            "a new queue was not encrypted, as AWS's are since 2022",
            lambda f: _handled("CreateQueue", _encrypted(f)),
        ),
        Patch(Seam(_SQS, "_act_send_message", "data qurl"), real, lambda f: _handled("SendMessage", _delayed(f))),
        Patch(
            Seam(_SQS, "_act_change_visibility", "data qurl"),
            real,
            lambda f: _handled("ChangeMessageVisibility", _changed(f)),
        ),
        Patch(
            Seam(_SQS, "_act_change_visibility_batch", "data qurl"),
            real,
            lambda f: _handled("ChangeMessageVisibilityBatch", _changed(f)),
        ),
    ]


def _handled(action: str, replacement: Original) -> Original:
    """Return the replacement of an operation's function, which ministack's table of them gets too."""
    ministack(_SQS)._HANDLERS[action] = replacement
    return replacement


def _expire(q: dict[str, Any]) -> None:
    retention = int(q["attributes"].get("MessageRetentionPeriod", _RETENTION))
    since = time.time() - CLOCK.real(retention)
    kept = [
        message for message in q["messages"] if message.get("enqueued_at", message.get("sent_at", since + 1)) > since
    ]
    if len(kept) < len(q["messages"]):
        q["messages"] = kept


def _encrypted(original: Original) -> Original:
    """Encrypt a new queue by a key of SQS's own where it names none.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-sqs-sse-queue.html
    """

    def create(data: dict[str, Any], _u: str) -> Any:
        result = original(data, _u)
        attributes = ministack(_SQS)._get_q(result["QueueUrl"])["attributes"]
        attributes.setdefault("SqsManagedSseEnabled", "false" if attributes.get("KmsMasterKeyId") else "true")
        return result

    return create


def _queue(data: dict[str, Any], qurl: str) -> Any:
    return ministack(_SQS)._get_q(data.get("QueueUrl", qurl))


def _delayed(original: Original) -> Original:
    def send(data: dict[str, Any], qurl: str) -> Any:
        before = len(_queue(data, qurl)["messages"])
        result = original(data, qurl)
        for message in _queue(data, qurl)["messages"][before:]:
            message["visible_at"] = message["sent_at"] + CLOCK.real(message["visible_at"] - message["sent_at"])
        POLLER.wake()
        return result

    return send


def _changed(original: Original) -> Original:
    def change(data: dict[str, Any], qurl: str) -> Any:
        result = original(data, qurl)
        entries = data.get("Entries", [data])
        wanted = {entry.get("ReceiptHandle"): int(entry.get("VisibilityTimeout", 30)) for entry in entries}
        for message in _queue(data, qurl)["messages"]:
            if message["receipt_handle"] is not None and message["receipt_handle"] in wanted:
                message["visible_at"] = time.time() + CLOCK.real(wanted[message["receipt_handle"]])
        POLLER.wake()
        return result

    return change
