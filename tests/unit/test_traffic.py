"""What the next hour is expected to bring, by the counts of the last weeks."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from infra.release.verdict.traffic import DAY, PERIOD, WEEK, Bucket, History, Traffic, expected, rounded

NOW = datetime(2026, 11, 24, 9, 7, tzinfo=UTC)  # a Tuesday
FIRST = NOW.replace(minute=0) - 4 * WEEK + PERIOD
SECONDS = PERIOD.total_seconds()


def history(rate: Callable[[datetime], float], errors: float = 0.0, since: datetime = FIRST) -> History:
    """Return counts of so many requests a second at each time, and no record where there are none."""
    starts = [since + number * PERIOD for number in range((NOW - since) // PERIOD)]
    counts = [(at, round(rate(at) * SECONDS)) for at in starts]
    return History(tuple(Bucket(at, count, round(count * errors)) for at, count in counts if count))


def test_steady_traffic_is_its_own_mean() -> None:
    assert expected(history(lambda _: 2.0, 0.01), NOW, 60) == Traffic(2.0, 0.01)


def test_without_a_request_nothing_is_known() -> None:
    assert expected(History(), NOW, 60) is None
    assert expected(History((Bucket(NOW - timedelta(minutes=5), 100),)), NOW, 60) is None, "not a whole bucket yet"
    assert expected(History((Bucket(NOW - 5 * WEEK, 100),)), NOW, 60) is None


def test_the_same_hours_of_the_same_weekday_outweigh_all_others() -> None:
    busy = history(lambda at: 10.0 if at.weekday() == 1 and 8 <= at.hour <= 10 else 1.0)
    found = expected(busy, NOW, 60)
    assert found is not None
    assert found.rps >= 9.8


def test_the_same_hours_of_other_days_outweigh_the_rest_while_the_history_is_short() -> None:
    night = history(lambda at: 0.1 if 8 <= at.hour <= 10 else 20.0, since=NOW.replace(minute=0) - 3 * DAY)
    found = expected(night, NOW, 60)
    assert found is not None
    assert found.rps < 1.0


def test_a_gap_is_no_traffic_and_the_time_before_the_first_request_is_none_at_all() -> None:
    young = history(lambda _: 4.0, since=NOW.replace(minute=0) - DAY)
    assert expected(young, NOW, 60) == Traffic(4.0, 0.0)
    gaps = history(lambda at: 4.0 if at.hour % 2 == 0 or (at.hour == 9 and at.minute < 30) else 0.0)
    found = expected(gaps, NOW, 60)
    assert found is not None
    assert 1.5 < found.rps < 4.0


def test_errors_while_a_deployment_ran_are_no_baseline_and_its_requests_are_traffic() -> None:
    start, end = NOW - WEEK, NOW - WEEK + timedelta(hours=2)
    plain = history(lambda _: 2.0, 0.001)
    bad = tuple(
        Bucket(each.at, each.invocations, 900) if start - PERIOD <= each.at < end + PERIOD else each
        for each in plain.buckets
    )
    assert expected(History(bad, ((start, end),)), NOW, 60) == expected(plain, NOW, 60)
    unmarked = expected(History(bad), NOW, 60)
    assert unmarked is not None
    assert unmarked.baseline > 0.1


def test_where_every_time_is_unusual_the_errors_count_after_all() -> None:
    plain = history(lambda _: 2.0, 0.01)
    assert expected(History(plain.buckets, ((FIRST - DAY, NOW),)), NOW, 60) == Traffic(2.0, 0.01)


def test_more_errors_than_requests_are_no_more_than_all() -> None:
    found = expected(History((Bucket(NOW - DAY, 10, 40),)), NOW, 60)
    assert found is not None
    assert found.baseline == 0.99


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [(0.8439, 0.84, 0.85), (12.0, 12.0, 12.0), (0.002, 0.002, 0.002), (0.0, 0.0, 0.0), (987.6, 980.0, 990.0)],
)
def test_an_estimate_is_rounded_to_the_side_that_promises_less(value: float, down: float, up: float) -> None:
    assert (rounded(value, math.floor), rounded(value, math.ceil)) == (down, up)
