"""Decides what becomes of a stream's batch once the function has answered. Standard library only, pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"


@dataclass(frozen=True)
class Entry:
    """A record of a stream as the function gets it, and when it was written, in seconds since the epoch."""

    record: Mapping[str, Any]
    at: float

    @property
    def number(self) -> str:
        """Return the sequence number."""
        return str(self.record["dynamodb"]["SequenceNumber"])


@dataclass(frozen=True)
class Batch:
    """Records that are given to the function together, in order."""

    entries: tuple[Entry, ...]
    retries: int = 0
    """How often it was tried again after a failure."""
    invocations: int = 0


@dataclass(frozen=True)
class Answer:
    """What came of an invocation. `failed` is the sequence number from which on the batch must be tried again; empty
    if all of it failed, None if nothing did."""

    failed: str | None = None
    error: bool = False
    """The function raised an error or timed out."""
    version: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Discard:
    """Records that are given up, and why."""

    batch: Batch
    condition: str
    answer: Answer | None = None


@dataclass(frozen=True)
class Limits:
    """The settings of a mapping that decide about failures; None is no limit."""

    retries: int | None = None
    seconds: int | None = None
    bisect: bool = False


def failed_messages(body: Any, known: Sequence[str]) -> set[str] | None:
    """Return the identifiers that a function reports as failed; None if its report makes all of the batch fail.

    An empty or absent report is a complete success, one that names nothing known a complete failure.
    """
    if body is None or body in ("", {}):
        return set()
    if not isinstance(body, Mapping):
        return set() if isinstance(body, str | int | float | list) and not body else None
    listed = body.get("batchItemFailures")
    if not listed:
        return set()
    if not isinstance(listed, list):
        return None
    names = [item.get("itemIdentifier") if isinstance(item, Mapping) else None for item in listed]
    if any(not isinstance(name, str) or name not in known for name in names):
        return None
    return {str(name) for name in names}


def expired(batch: Batch, age: Mapping[str, float], limits: Limits) -> tuple[Batch | None, Discard | None]:
    """Return what of a batch is young enough, and what is not. `age`: simulated seconds by sequence number."""
    if limits.seconds is None:
        return batch, None
    old = tuple(entry for entry in batch.entries if age[entry.number] > limits.seconds)
    young = tuple(entry for entry in batch.entries if age[entry.number] <= limits.seconds)
    return (
        replace(batch, entries=young) if young else None,
        Discard(replace(batch, entries=old), TOO_OLD) if old else None,
    )


def after(batch: Batch, answer: Answer, limits: Limits) -> tuple[tuple[Batch, ...], Discard | None]:
    """Return the batches to try next, in order, and what is given up.

    Bisecting takes no retry. A batch is bisected at the reported record, or in its middle where that is the first one.
    """
    if answer.failed is None:
        return (), None
    batch = replace(batch, invocations=batch.invocations + 1)
    place = next((i for i, entry in enumerate(batch.entries) if entry.number == answer.failed), 0)
    rest = replace(batch, entries=batch.entries[place:])
    if limits.bisect and len(batch.entries) > 1:
        return ((rest,) if place else _halves(rest)), None
    if limits.retries is not None and rest.retries >= limits.retries:
        return (), Discard(rest, EXHAUSTED, answer)
    return (replace(rest, retries=rest.retries + 1),), None


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = (len(batch.entries) + 1) // 2
    return replace(batch, entries=batch.entries[:middle]), replace(batch, entries=batch.entries[middle:])


def lowest(batch: Batch, names: set[str]) -> str | None:
    """Return the first of a batch's records that is among `names`: its sequence number is the checkpoint."""
    return next((entry.number for entry in batch.entries if entry.number in names), None)
