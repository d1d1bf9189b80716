"""The values of one minute of a metric, and the statistics that are computed from them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_RANK = re.compile(r"PR\((-?[\d.]+)?:(-?[\d.]+)?\)")


class UnknownStatisticError(ValueError):
    """CloudWatch does not have the statistic, or the local cloud does not imitate it."""


@dataclass(slots=True)
class Bucket:
    """The values of one metric within a span of time: enough for every statistic."""

    count: float = 0.0
    total: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")
    values: dict[float, float] | None = field(default_factory=dict)
    """Value -> count; None if only a set of statistics is known."""

    def add(self, value: float, count: float = 1.0) -> None:
        """Add `value`, which occurred `count` times. It is called for every metric of every invocation, hence spelled
        out."""
        self.count += count
        self.total += value * count
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        if self.values is not None:
            self.values[value] = self.values.get(value, 0.0) + count

    def add_set(self, count: float, total: float, low: float, high: float) -> None:
        """Add a set of statistics; percentiles stay known only if the set is one repeated value."""
        self.count += count
        self.total += total
        self.low = min(self.low, low)
        self.high = max(self.high, high)
        if low != high:
            self.values = None
        elif self.values is not None:
            self.values[low] = self.values.get(low, 0.0) + count

    def add_bucket(self, other: "Bucket") -> None:
        """Add all values of `other`."""
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        if other.values is None or self.values is None:
            self.values = None
        else:
            for value, count in other.values.items():
                self.values[value] = self.values.get(value, 0.0) + count


def merged(buckets: Iterable[Bucket]) -> Bucket:
    """Return one bucket with the values of all `buckets`."""
    whole = Bucket()
    for bucket in buckets:
        whole.add_bucket(bucket)
    return whole


_BASIC: dict[str, Callable[[Bucket], float]] = {
    "Sum": lambda b: b.total,
    "Average": lambda b: b.total / b.count,
    "Minimum": lambda b: b.low,
    "Maximum": lambda b: b.high,
    "SampleCount": lambda b: b.count,
}


def statistic(name: str) -> Callable[[Bucket], float | None]:
    """Return the function that reads statistic `name` (Sum, p99.9, PR(:300) ...) from a bucket; None = it has no such
    value.

    Raises UnknownStatisticError.
    """
    if name in _BASIC:
        basic = _BASIC[name]
        return lambda bucket: basic(bucket) if bucket.count else None
    if found := _PERCENTILE.fullmatch(name):
        percent = float(found[1])
        return lambda bucket: _percentile(bucket, percent)
    if (found := _RANK.fullmatch(name)) and (found[1] or found[2]):
        above = float(found[1]) if found[1] else float("-inf")
        upto = float(found[2]) if found[2] else float("inf")
        return lambda bucket: _rank(bucket, above, upto)
    raise UnknownStatisticError(
        f"statistic {name!r} is not imitated: use Sum, Average, Minimum, Maximum, SampleCount, pNN or PR(a:b)"
    )


def _percentile(bucket: Bucket, percent: float) -> float | None:
    """Return the percentile, linear between the two nearest ranks; None for negative values, as on CloudWatch."""
    if not bucket.values or bucket.low < 0:
        return None
    rank = percent / 100 * (bucket.count - 1) if bucket.count > 1 else 0.0
    below, share = int(rank), rank - int(rank)
    low = _at(bucket.values, below)
    return low + share * (_at(bucket.values, below + 1) - low) if share else low


def _at(values: dict[float, float], index: int) -> float:
    seen = 0.0
    value = 0.0
    for value in sorted(values):
        seen += values[value]
        if index < seen:
            break
    return value


def _rank(bucket: Bucket, above: float, upto: float) -> float | None:
    """Return the percentage of values in (above, upto]."""
    if not bucket.values or not bucket.count:
        return None
    return 100 * sum(count for value, count in bucket.values.items() if above < value <= upto) / bucket.count
