"""Reads the one shard of a stream for a mapping, in order; a batch that fails holds up what follows.

Batches are cut by when records were written, and not by when this machine comes to it: see polls.py.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import itertools
import json
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from local.cloud.clock import CLOCK
from local.cloud.sources import batches
from local.cloud.sources.batches import Answer, Batch, Discard, Entry, Limits
from local.cloud.sources.delivery import DELIVERY
from local.cloud.sources.mappings import Mapping
from local.cloud.sources.runner import Invocation, invoke
from local.cloud.timeline import TIMELINE

_MOST_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: of an invocation's payload."""
_RETENTION_SECONDS = 86_400
_LONGEST_PAUSE = 30.0
_DENIED_SECONDS = 60.0
_LATE = 1.0
"""Real seconds behind the clock, from which on a poll takes all that was read: see polls.py."""


class Stream(Protocol):
    """What a mapping can do with its stream."""

    def records(self, position: int) -> tuple[int, Sequence[Any]] | None:
        """Return the records from a position on, or from the oldest, and the position of the first; None if there is no
        such stream."""

    def readable(self) -> bool:
        """Return True if the function's role may read it."""

    def passes(self) -> Callable[[Any], bool]:
        """Return the test of whether a record passes the mapping's filters."""

    def give_up(self, discard: Discard) -> None:
        """Send records that are given up to the mapping's destination."""


def limits(record: dict[str, Any]) -> Limits:
    """Return the limits of a mapping; no record outlives the stream's own retention."""
    retries, seconds = record["MaximumRetryAttempts"], record["MaximumRecordAgeInSeconds"]
    return Limits(
        retries=None if retries < 0 else retries,
        seconds=_RETENTION_SECONDS if seconds < 0 else min(seconds, _RETENTION_SECONDS),
        bisect=record["BisectBatchOnFunctionError"],
    )


class ShardReader:
    """Reads one stream, on the timeline."""

    def __init__(self, mapping: Mapping, stream: Stream) -> None:
        self._mapping = mapping
        self._stream = stream
        self._position: int | None = None
        self._held: tuple[int, Sequence[Any]] = (0, ())  # records that were read ahead, and the position of the first
        self._read_at = -math.inf
        self._pending: deque[Batch] = deque()
        self._busy = False
        self._pause = 0.0
        self._wait_until = 0.0
        self._window_until = 0.0

    def begin(self) -> None:
        """Begin at the oldest record, or behind the newest: what was written before is not read then."""
        if self._position is None:
            start, found = self._stream.records(0) or (0, ())
            latest = self._mapping.record["StartingPosition"] == "LATEST"
            now = TIMELINE.now()
            self._position = start + sum(arrived(record) <= now for record in found) if latest else start

    def poll(self) -> None:
        """Invoke the function with the next batch, if there is one and it is due."""
        if self._busy or not self._mapping.polled() or TIMELINE.now() < self._wait_until:
            return
        if not self._pending:
            self._gather()
        if not self._pending:
            return
        if not self._stream.readable():
            self._mapping.record["LastProcessingResult"] = "PROBLEM: Lambda's role may not read the stream."
            self._wait(CLOCK.real(_DENIED_SECONDS))
            return
        batch, discard = batches.expired(self._pending[0], self._ages(), limits(self._mapping.record))
        if discard is not None:
            self._stream.give_up(discard)
        if batch is None:
            self._pending.popleft()
            self.poll()
            return
        self._pending[0] = batch
        self._busy = True
        shown = [event_record(entry.record) for entry in batch.entries]
        age = (TIMELINE.now() - batch.entries[-1].at) * CLOCK.factor * 1000
        invoke(self._mapping, shown, lambda result: self._done(batch, result), iterator_age=age)

    def _ages(self) -> dict[str, float]:
        now = TIMELINE.now()
        return {entry.number: (now - entry.at) * CLOCK.factor for entry in self._pending[0].entries}

    def _gather(self) -> None:
        """Make the next batch of what was written by now, or wait for the rest of the window."""
        if (found := self._waiting()) is None:
            return
        position, waiting = found
        passes, most = self._stream.passes(), self._mapping.record["BatchSize"]
        now = TIMELINE.now()
        if CLOCK.now() - now > _LATE:
            now = self._read_at
        entries: list[Entry] = []
        size, place, full = 0, position, False
        for record in itertools.takewhile(lambda each: arrived(each) <= now, waiting):
            if passes(event_record(record)):
                size += len(json.dumps(record, default=str))
                if full := len(entries) == most or (bool(entries) and size > _MOST_BYTES):
                    break
                entries.append(Entry(record, arrived(record)))
            place += 1
        if not entries:
            self._position = place
            return
        due = entries[0].at + CLOCK.real(self._mapping.record["MaximumBatchingWindowInSeconds"])
        if not full and len(entries) < most and now < due:
            if due != self._window_until:
                self._window_until = due
                TIMELINE.at(due, self.poll)
            return
        self._position = place
        self._pending.append(Batch(tuple(entries)))

    def _waiting(self) -> tuple[int, Sequence[Any]] | None:
        """Return the records that are still to be read, and the position of the first; None if there is no stream.

        The stream is asked for what was written by the clock, and not again until the timeline gets there: a poll comes
        every few milliseconds, and one that asked the busy event loop each time would take longer.
        """
        if self._position is None:
            return None
        if TIMELINE.now() > self._read_at:
            at = CLOCK.now()
            if (found := self._stream.records(self._position)) is None:
                return None
            self._held, self._read_at = found, at
        first, held = self._held
        position = max(self._position, first)
        return position, held[position - first :]

    def _wait(self, seconds: float) -> None:
        """Do nothing for so many real seconds."""
        self._wait_until = TIMELINE.now() + seconds
        TIMELINE.at(self._wait_until, self.poll)

    def _done(self, batch: Batch, result: Invocation) -> None:
        self._busy = False
        if not result.ran:
            self._mapping.record["LastProcessingResult"] = "PROBLEM: Function call failed"
            self._back_off()
            return
        answer = self._answer(batch, result)
        following, discard = batches.after(batch, answer, limits(self._mapping.record))
        self._pending.popleft()
        self._pending.extendleft(reversed(following))
        if answer.failed is None and DELIVERY.again():
            self._pending.appendleft(batch)
        if discard is not None:
            self._stream.give_up(discard)
        failed = answer.failed is not None
        self._mapping.record["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"
        if following and following[0].retries > batch.retries:
            self._back_off()
            return
        self._pause = 0.0
        self.poll()

    def _back_off(self) -> None:
        """Wait before the next try, twice as long each time."""
        self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE)
        self._wait(CLOCK.real(self._pause))

    def _answer(self, batch: Batch, result: Invocation) -> Answer:
        failed: str | None = None
        if result.error:
            failed = ""
        elif "ReportBatchItemFailures" in self._mapping.record["FunctionResponseTypes"]:
            names = batches.failed_messages(result.body, [entry.number for entry in batch.entries])
            failed = "" if names is None else batches.lowest(batch, names)
        return Answer(failed, result.error, result.version, result.request_id)


def event_record(record: Any) -> dict[str, Any]:
    """Return a record as the function gets it, which spells the members of `userIdentity` in lower case."""
    shown = dict(record)
    if "userIdentity" in shown:
        shown["userIdentity"] = {f"{name[0].lower()}{name[1:]}": said for name, said in shown["userIdentity"].items()}
    return shown


def arrived(record: Any) -> float:
    """Return when a record was written, in seconds since the epoch."""
    return float(getattr(record, "at", record["dynamodb"]["ApproximateCreationDateTime"]))
