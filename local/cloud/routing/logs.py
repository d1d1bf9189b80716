"""Writes an invocation's log events to CloudWatch Logs.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html: the START, END and REPORT lines and their fields.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from local.cloud.workers.worker import Answer

_STREAM_EVENTS = 10_000
"""The number of newest events that a stream keeps, so that live traffic does not fill the memory."""


def lines(request_id: str, version: str, memory: int, answer: Answer) -> Iterator[str]:
    """Yield the events of one invocation, in order."""
    yield f"START RequestId: {request_id} Version: {version}\n"
    yield from answer.output
    yield f"END RequestId: {request_id}\n"
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {answer.milliseconds:.2f} ms",
        f"Billed Duration: {max(1, math.ceil(answer.milliseconds))} ms",
        f"Memory Size: {memory} MB",
        f"Max Memory Used: {answer.megabytes} MB",
    ]
    if answer.init is not None:
        report.append(f"Init Duration: {answer.init:.2f} ms")
    if answer.error == "Sandbox.Timedout":
        report.append("Status: timeout")
    elif answer.error.startswith("Runtime."):
        report += ["Status: error", f"Error Type: {answer.error}"]
    yield "\t".join(report) + "\t\n"


def write(service: Any, group: str, stream: str, messages: Sequence[str], milliseconds: float) -> None:
    """Append to a log stream of ministack's `service` (its cloudwatch_logs module), creating group and stream.

    Account and region are those of the current request. The first message is dated `milliseconds` ago.
    """
    now = int(time.time() * 1000)
    holder = service._log_groups.get(group) or service._log_groups.setdefault(group, _new_group(service, group, now))
    found = holder["streams"].get(stream) or holder["streams"].setdefault(stream, _new_stream(now))
    # Never before the stream's last event: ministack would sort the whole stream, for each call.
    began = max(now - round(milliseconds), found["lastEventTimestamp"] or 0)
    events = [{"timestamp": now, "message": message, "ingestionTime": now} for message in messages]
    events[0]["timestamp"] = min(began, now)
    service._append_log_events(found, events)
    if len(found["events"]) > _STREAM_EVENTS:
        del found["events"][: _STREAM_EVENTS // 10]
    service._fanout_to_subscription_filters(group, stream, events)


def _new_group(service: Any, group: str, now: int) -> dict[str, Any]:
    return {
        "arn": service._make_group_arn(group),
        "creationTime": now,
        "retentionInDays": None,
        "tags": {},
        "subscriptionFilters": {},
        "streams": {},
    }


def _new_stream(now: int) -> dict[str, Any]:
    return {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }
