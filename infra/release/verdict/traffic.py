"""Estimate an alias's traffic and error rate in the next hour from the counts of its last weeks. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WEEKS = 4
"""Weeks of counts that are read; the weekday's own hour has then been seen four times."""
PERIOD = timedelta(minutes=15)
"""Length of a bucket. CloudWatch keeps counts of five minutes for 63 days, and answers a multiple of them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""
DAY, WEEK = timedelta(days=1), timedelta(days=7)
SAME_HOUR, SAME_WEEKDAY = 1e3, 1e6
"""Weight of a bucket in the hours to come of another day, and of the same weekday; any other bucket weighs 1.

Each outweighs the coarser ones together, so these count only while the history is too short to have the finer.
"""
DIGITS = 2
"""Significant digits of an estimate: it is no more exact, and it is rounded to the side that promises less."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Bucket:
    """The alias's invocations and errors in the PERIOD that begins `at`. A bucket without requests has no record."""

    at: datetime
    invocations: int
    errors: int = 0


@dataclass(frozen=True)
class History:
    """The counts of an alias. `unusual`: spans whose errors may be those of a version that did not stay."""

    buckets: tuple[Bucket, ...] = ()
    unusual: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Traffic:
    """The expected requests per second to the alias, and stable's errors per request, 0 to below 1."""

    rps: float
    baseline: float

    def __str__(self) -> str:
        return f"{self.rps:g} requests/s at {self.baseline * 100:.3g} % errors"


def expected(history: History, now: datetime, minutes: int) -> Traffic | None:
    """Return the traffic of the `minutes` from `now` on; None if no request is known.

    Lambda reports no metric while nothing is invoked, so a gap after the first bucket counts as no traffic. Of the
    unusual spans the requests count and the errors do not, unless there is no other time.
    """
    counted = list(_weighed(history.buckets, now, minutes))
    requests = sum(weight * each.invocations for weight, each in counted)
    if not requests:
        return None
    seconds = sum(weight for weight, _ in counted) * PERIOD.total_seconds()
    usual = [(weight, each) for weight, each in counted if not _touches(each, history.unusual)]
    if not any(each.invocations for _, each in usual):
        usual = counted
    served = sum(weight * each.invocations for weight, each in usual)
    failed = sum(weight * min(each.errors, each.invocations) for weight, each in usual)
    return Traffic(rounded(requests / seconds, math.floor), min(rounded(failed / served, math.ceil), 0.99))


def _weighed(buckets: Sequence[Bucket], now: datetime, minutes: int) -> Iterator[tuple[float, Bucket]]:
    """Yield each whole bucket since the first request, those without requests too, with its weight."""
    known = {each.at: each for each in buckets if now - WEEKS * WEEK <= each.at and each.at + PERIOD <= now}
    if not known:
        return
    ahead, first = timedelta(minutes=minutes), min(known)
    whole = {round((at - first) / PERIOD): each for at, each in known.items()}
    for number in range((now - first) // PERIOD):
        at = first + number * PERIOD
        yield _weight(at, now, ahead), whole.get(number, Bucket(at, 0))


def _weight(at: datetime, now: datetime, ahead: timedelta) -> float:
    """Return the weight of a bucket for the time from `now` on: they share an hour where they overlap modulo a day."""

    def overlaps(cycle: timedelta) -> bool:
        after = (at - now) % cycle
        return after < ahead or after + PERIOD > cycle

    if overlaps(WEEK):
        return SAME_WEEKDAY
    return SAME_HOUR if overlaps(DAY) else 1.0


def _touches(bucket: Bucket, spans: Sequence[Span]) -> bool:
    """True if the bucket or one beside it overlaps a span: metrics are late, and a bucket has no finer time."""
    return any(start < bucket.at + 2 * PERIOD and end > bucket.at - PERIOD for start, end in spans)


def rounded(value: float, to: Callable[[float], int]) -> float:
    """Return `value` with DIGITS significant digits; `to` is math.floor or math.ceil."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - DIGITS + 1)
    return float(f"{to(round(value / unit, 6)) * unit:.{DIGITS}g}")
