"""The release's requests stay below each service's rate, and use the burst that it allows."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.release.aws.clients import DATA_PLANE, RATES, RateLimiter
from infra.release.engine.clock import ScaledClock

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time that passes in pauses alone."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        return BEGUN + self.passed

    def pause(self, duration: timedelta) -> None:
        self.passed += duration


def sent(rate: float, burst: int, *, idle: list[float], operation: str = "GetAlias") -> list[float]:
    """Return the times, in seconds, at which requests are sent that are each asked for after some idle seconds."""
    clock, times = Clock(), []
    limiter = RateLimiter(cast("ScaledClock", clock), rate, burst)
    for seconds in idle:
        clock.pause(timedelta(seconds=seconds))
        limiter.wait(SimpleNamespace(name=operation))
        times.append(clock.passed.total_seconds())
    return times


def test_a_burst_is_sent_at_once_from_the_first_request_on() -> None:
    assert sent(1, 2, idle=[0] * 4) == [0, 0, 1, 2]
    assert sent(4, 1, idle=[0] * 4) == [0, 0.25, 0.5, 0.75]


def test_a_burst_is_there_again_after_an_idle_time() -> None:
    assert sent(1, 2, idle=[0, 0, 0, 10, 0, 0]) == [0, 0, 1, 11, 11, 12]


def test_the_data_plane_has_no_rate() -> None:
    assert sent(1, 1, idle=[0] * 3, operation=next(iter(DATA_PLANE))) == [0, 0, 0]


@pytest.mark.parametrize(("rate", "burst"), RATES.values(), ids=RATES)
@given(idle=st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_second_has_more_requests_than_rate_and_burst(rate: int, burst: int, idle: list[float]) -> None:
    times = sent(rate, burst, idle=idle)
    assert max(sum(at <= each < at + 1 for each in times) for at in times) <= rate + burst
