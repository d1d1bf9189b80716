"""Simulated and real time."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.release.engine.clock import Interrupted, ScaledClock
from infra.release.model.spec import ReleaseError

HOUR = timedelta(hours=1)


def test_at_rate_one_simulated_time_is_real_time() -> None:
    clock = ScaledClock()
    then = datetime(2026, 1, 1, tzinfo=UTC)
    assert clock.simulated(then) == clock.real(then) == then
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


@given(st.floats(0.5, 1000), st.integers(-100_000, 100_000))
def test_real_and_simulated_are_each_others_inverse(rate: float, seconds: int) -> None:
    clock = ScaledClock(rate)
    then = datetime.now(UTC) + timedelta(seconds=seconds)
    assert abs(clock.real(clock.simulated(then)) - then) < timedelta(milliseconds=1)


def test_an_hour_of_simulated_time_is_a_fortieth_of_it_in_real_time() -> None:
    clock = ScaledClock(40)
    start = datetime.now(UTC)
    assert clock.simulated(start + HOUR / 40) - clock.simulated(start) == HOUR
    assert clock.real(start + HOUR) - clock.real(start) == HOUR / 40


def test_now_passes_as_fast_as_the_rate_says() -> None:
    clock = ScaledClock(1000)
    first, started = clock.now(), time.monotonic()
    time.sleep(0.05)
    passed, real = (clock.now() - first).total_seconds(), time.monotonic() - started
    assert 50 <= passed <= real * 1000 + 50


def test_no_sleep_is_shorter_than_a_look_is_worth() -> None:
    clock = ScaledClock(10_000)
    started = time.monotonic()
    clock.sleep(timedelta(seconds=1))
    assert time.monotonic() - started >= 0.25


def test_an_hour_of_sleep_takes_its_fraction_in_real_time() -> None:
    started = time.monotonic()
    ScaledClock(10_000).sleep(HOUR)
    assert 0.36 <= time.monotonic() - started < 10


def test_a_sleeper_is_woken_by_an_interrupt_from_another_thread() -> None:
    clock = ScaledClock()
    threading.Timer(0.05, clock.interrupt).start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        clock.sleep(HOUR)
    assert time.monotonic() - started < 10


def test_the_rate_comes_from_the_environment_and_is_one_without(monkeypatch: pytest.MonkeyPatch) -> None:
    start = datetime.now(UTC)
    monkeypatch.setenv("STRATA_CLOCK_RATE", "40")
    clock = ScaledClock.from_environment()
    assert clock.simulated(start + HOUR) - clock.simulated(start) == HOUR * 40
    monkeypatch.delenv("STRATA_CLOCK_RATE")
    clock = ScaledClock.from_environment()
    assert clock.simulated(start) == start


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf", "1e9"])
def test_a_rate_that_cannot_be_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STRATA_CLOCK_RATE", text)
    with pytest.raises(ReleaseError, match="STRATA_CLOCK_RATE is"):
        ScaledClock.from_environment()
