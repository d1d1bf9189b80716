"""The store of metrics: minute buckets of simulated time, statistics, lateness."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.cloud.clock import CLOCK
from local.cloud.metrics.statistics import Bucket, UnknownStatisticError, statistic
from local.cloud.metrics.store import DISTRIBUTION_MINUTES, SETTINGS, Store, metric, minute_start

ORDERS = {"FunctionName": "orders", "Resource": "orders:live"}
KEY = metric("111111111111", "eu-central-1", "AWS/Lambda", "Errors", ORDERS)
NOW = 1_786_239_360.0


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    """A minute lasts 1.5 s, and time stands still."""
    standing = Time()
    monkeypatch.setattr(CLOCK, "now", standing.now)
    before = CLOCK.factor
    CLOCK.factor = 40
    yield standing
    CLOCK.factor = before
    SETTINGS.lateness_minutes = 0


def record(store: Store, value: float, at: float | None = None, unit: str = "Count", **dimensions: str) -> None:
    store.record("111111111111", "eu-central-1", "AWS/Lambda", "Errors", {**ORDERS, **dimensions}, value, unit, at)


def sums(store: Store, starts: list[float], length: float = 1.5, stat: str = "Sum", **more: Any) -> list[float | None]:
    return store.windows(KEY, stat, starts, length, **more)


@pytest.mark.usefixtures("time")
def test_values_fall_into_simulated_minutes_that_start_at_real_times() -> None:
    store = Store()
    for value, at in ((1, NOW), (2, NOW + 1.49), (4, NOW + 1.5), (8, NOW + 2.9999)):
        record(store, value, at)
    assert minute_start(NOW + 1.49) == NOW
    assert sums(store, [NOW - 1.5, NOW, NOW + 1.5, NOW + 3]) == [None, 3, 12, None]
    assert sums(store, [NOW], length=15.0) == [15]


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("factor", [1, 7, 40, 60, 333])
def test_every_value_falls_into_exactly_one_window_whatever_the_factor(factor: float) -> None:
    CLOCK.factor = factor
    store, first = Store(), minute_start(NOW)
    for index in range(100):
        record(store, 1, first + index * CLOCK.minute / 10 + 1e-4)
    starts = [round(first + index * CLOCK.minute, 6) for index in range(10)]
    assert sums(store, starts, CLOCK.minute) == [10] * 10


@pytest.mark.usefixtures("time")
def test_a_metric_is_its_dimensions_exactly() -> None:
    store = Store()
    record(store, 1, ExecutedVersion="2")
    record(store, 2)
    store.record("222222222222", "eu-central-1", "AWS/Lambda", "Errors", ORDERS, 4, "Count", NOW)
    store.record("111111111111", "us-east-1", "AWS/Lambda", "Errors", ORDERS, 8, "Count", NOW)
    backwards = dict(reversed(ORDERS.items()))
    store.record("111111111111", "eu-central-1", "AWS/Lambda", "Errors", backwards, 16, "Count", NOW)
    assert sums(store, [NOW]) == [18]
    assert [dict(found.dimensions) for found in store.metrics("111111111111", "eu-central-1")] == [
        {**ORDERS, "ExecutedVersion": "2"},
        ORDERS,
    ]


@pytest.mark.usefixtures("time")
def test_a_unit_chooses_only_what_was_recorded_in_it() -> None:
    store = Store()
    record(store, 1, unit="Count")
    record(store, 2, unit="None")
    assert sums(store, [NOW]) == [3]
    assert sums(store, [NOW], unit="None") == [2]
    assert sums(store, [NOW], unit="Seconds") == [None]


def test_a_late_datum_is_seen_so_many_simulated_minutes_after_it_was_recorded(time: Time) -> None:
    store = Store()
    SETTINGS.lateness_minutes = 2
    record(store, 1)
    time.at = NOW + 2.9
    assert sums(store, [NOW]) == [None]
    assert store.metrics("111111111111", "eu-central-1") == []
    time.at = NOW + 3
    assert sums(store, [NOW]) == [1]
    time.at = NOW + 3.1
    SETTINGS.lateness_minutes = 0
    record(store, 2, NOW)
    assert sums(store, [NOW]) == [3]


def test_lateness_has_bounds() -> None:
    for wrong in (-1, 61):
        with pytest.raises(ValueError, match="from 0 to 60 simulated minutes"):
            SETTINGS.lateness_minutes = wrong
    assert SETTINGS.lateness_minutes == 0


@pytest.mark.usefixtures("time")
def test_old_minutes_keep_their_sums_but_not_every_value() -> None:
    store = Store()
    for index in range(DISTRIBUTION_MINUTES + 1):
        record(store, 5, NOW + 1.5 * index)
    assert sums(store, [NOW, NOW + 1.5], stat="Sum") == [5, 5]
    assert sums(store, [NOW, NOW + 1.5], stat="p50") == [None, 5]
    store.clear()
    assert sums(store, [NOW]) == [None]


def filled(*values: float) -> Bucket:
    bucket = Bucket()
    for value in values:
        bucket.add(value)
    return bucket


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sum", 1 + 2 + 3 + 4 + 100),
        ("Average", 22),
        ("Minimum", 1),
        ("Maximum", 100),
        ("SampleCount", 5),
        ("p0", 1),
        ("p50", 3),
        ("p90", 4 + 0.6 * 96),
        ("p99.9", 4 + 0.996 * 96),
        ("p100", 100),
        ("PR(:3)", 60),
        ("PR(3:)", 40),
        ("PR(1:4)", 60),
        ("PR(1.5:99.5)", 60),
    ],
)
def test_each_statistic_gives_the_value_worked_out_by_hand(name: str, expected: float) -> None:
    assert statistic(name)(filled(3, 1, 4, 2, 100)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["sum", "p101", "p", "PR(:)", "TM(10%:90%)", "IQM", ""])
def test_a_statistic_that_is_not_imitated_is_an_error(name: str) -> None:
    with pytest.raises(UnknownStatisticError, match="is not imitated: use Sum"):
        statistic(name)


def test_an_empty_bucket_has_no_statistics() -> None:
    for name in ("Sum", "Average", "p50", "PR(:3)"):
        assert statistic(name)(Bucket()) is None


def test_percentiles_need_the_values_and_none_below_zero() -> None:
    published = Bucket()
    published.add_set(3, 30, 5, 15)
    assert statistic("Average")(published) == 10
    assert statistic("p50")(published) is None
    repeated = Bucket()
    repeated.add_set(3, 30, 10, 10)
    assert statistic("p50")(repeated) == 10
    assert statistic("p50")(filled(-1, 2)) is None
