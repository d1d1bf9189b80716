"""Stores metrics: minute buckets of simulated time, per account and region. Standard library only."""

import heapq
import itertools
import threading
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from local.cloud.clock import CLOCK
from local.cloud.metrics.statistics import Bucket, merged, statistic
from local.cloud.timeline import TIMELINE

DISTRIBUTION_MINUTES = 180
"""The number of minutes of a metric that keep every value, for percentiles; older ones keep sums, to bound memory."""


FINE = 10
"""Simulated seconds by which data of high resolution are kept: the shortest period of an alarm."""


class Settings:
    """The settings that may change while the cloud runs; the control plane writes them."""

    def __init__(self) -> None:
        self._lateness_minutes = 0.0

    @property
    def lateness_minutes(self) -> float:
        """Return the simulated minutes after which a datum becomes visible."""
        return self._lateness_minutes

    @lateness_minutes.setter
    def lateness_minutes(self, value: float) -> None:
        if not 0 <= value <= 60:
            raise ValueError(f"lateness of {value} minutes is out of range: it must be from 0 to 60 simulated minutes")
        self._lateness_minutes = float(value)


SETTINGS = Settings()


class Metric(NamedTuple):
    """One metric: a name in a namespace, with exactly these dimensions, in one account and region."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    """Sorted pairs."""


def metric(account: str, region: str, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
    """Return the key of a metric, whatever the order of its dimensions."""
    return Metric(account, region, namespace, name, _pairs(tuple(dimensions.items())))


@lru_cache(maxsize=4096)
def _pairs(dimensions: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dimensions))


@dataclass
class _Series:
    """The buckets of a metric in one unit, by the real time at which their minute starts."""

    starts: list[float] = field(default_factory=list)
    buckets: dict[float, Bucket] = field(default_factory=dict)

    def bucket(self, start: float) -> Bucket:
        found = self.buckets.get(start)
        if found is None:
            found = self.buckets[start] = Bucket()
            insort(self.starts, start)
            if len(self.starts) > DISTRIBUTION_MINUTES:
                self.buckets[self.starts[-DISTRIBUTION_MINUTES - 1]].values = None
        return found

    def between(self, start: float, end: float) -> Iterator[Bucket]:
        for at in self.starts[bisect_left(self.starts, start) : bisect_left(self.starts, end)]:
            yield self.buckets[at]


def minute_start(at: float, seconds: float = 60.0) -> float:
    """Real time at which the simulated minute that holds `at` starts, or its part that is so many seconds long."""
    length, slack = CLOCK.real(seconds), 1e-6 if seconds >= 60 else 1e-4  # the shorter, the coarser the quotient
    return round(int(at / length + slack) * length, 6)


class Store:
    """The store, safe from any thread, for hundreds of records a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[Metric, dict[str, _Series]] = {}
        self._late: list[tuple[float, int, Metric, str, float, Bucket]] = []
        self._order = itertools.count()

    def record(  # noqa: PLR0917 (one line where an invocation ends)
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        at: float | None = None,
    ) -> None:
        """Record one value. `at` is real seconds since the epoch (now where None); its minute is simulated."""
        key = metric(account, region, namespace, name, dimensions)
        if SETTINGS.lateness_minutes:
            datum = Bucket()
            datum.add(value)
            self.record_set(key, datum, unit, at)
        else:
            start = minute_start(CLOCK.now() if at is None else at)
            with self._lock:
                self._bucket(key, unit, start).add(value)

    def record_set(
        self, key: Metric, datum: Bucket, unit: str = "None", at: float | None = None, *, fine: bool = False
    ) -> None:
        """Record what `datum` holds, all at one time. `fine`: kept by ten seconds, and not by the minute."""
        now = CLOCK.now()
        start = minute_start(now if at is None else at, FINE if fine else 60)
        late = CLOCK.real(60 * SETTINGS.lateness_minutes)
        with self._lock:
            if late:
                heapq.heappush(self._late, (now + late, next(self._order), key, unit, start, datum))
            else:
                self._bucket(key, unit, start).add_bucket(datum)

    def windows(
        self, key: Metric, stat: str, starts: Sequence[float], length: float, unit: str | None = None
    ) -> list[float | None]:
        """Return statistic `stat` of the metric over each window [start, start + length), in real seconds; None = no
        data.

        Only what is kept as a whole counts: a window owns the minutes, or the tens of seconds of a metric of high
        resolution, that start in it. Raises UnknownStatisticError.
        """
        read = statistic(stat)
        slack = CLOCK.minute / 1000
        with self._lock:
            self._arrive()
            units = self._series.get(key, {})
            chosen = list(units.values()) if unit is None else [units[unit]] if unit in units else []
            return [
                read(merged(bucket for series in chosen for bucket in series.between(at - slack, at + length - slack)))
                for at in starts
            ]

    def metrics(self, account: str, region: str) -> list[Metric]:
        """Return the visible metrics of an account and region, oldest first."""
        with self._lock:
            self._arrive()
            return [key for key in self._series if (key.account, key.region) == (account, region)]

    def units(self, key: Metric) -> list[str]:
        """Return the units in which the metric was recorded."""
        with self._lock:
            return list(self._series.get(key, {}))

    def clear(self) -> None:
        """Delete all data."""
        with self._lock:
            self._series.clear()
            self._late.clear()

    def _arrive(self) -> None:
        """Move the data that is visible by now into the buckets: a late evaluation sees no more than one in time."""
        now = TIMELINE.now()
        while self._late and self._late[0][0] <= now:
            _, _, key, unit, start, datum = heapq.heappop(self._late)
            self._bucket(key, unit, start).add_bucket(datum)

    def _bucket(self, key: Metric, unit: str, start: float) -> Bucket:
        units = self._series.get(key)
        if units is None:
            units = self._series[key] = {}
        series = units.get(unit)
        if series is None:
            series = units[unit] = _Series()
        return series.bucket(start)


STORE = Store()
