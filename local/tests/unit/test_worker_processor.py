"""A busy machine makes functions slow, and fails none: the wait for a processor is no function's own time."""

import asyncio
import os
from collections import deque
from typing import Any

import pytest

from local.cloud.workers import pool, processor
from local.cloud.workers.processor import Pressure


def test_a_timeout_does_not_count_the_wait_for_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> bool:
        looked = asyncio.Event()
        known: list[float] = []

        def waited(_: int) -> float:
            known.append(3600.0 if known else 0.0)
            if known[-1]:
                looked.set()
            return known[-1]

        monkeypatch.setattr(processor, "waited", waited)
        async with processor.timeout(os.getpid(), 0.01):  # it looks once that is over
            await looked.wait()
            await asyncio.sleep(0)
            return True

    assert asyncio.run(run())


def test_a_process_that_waits_for_no_processor_is_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with processor.timeout(os.getpid(), 0.01):
            await asyncio.sleep(3600)

    monkeypatch.setattr(processor, "waited", lambda _: 7.0)
    with pytest.raises(TimeoutError):
        asyncio.run(run())


def test_what_ends_in_time_is_not_timed_out_and_another_error_passes() -> None:
    async def run() -> str:
        async with processor.timeout(os.getpid(), 3600):
            pass
        with pytest.raises(ZeroDivisionError):
            async with processor.timeout(os.getpid(), 3600):
                raise ZeroDivisionError
        return "done"

    assert asyncio.run(run()) == "done"


def test_a_process_that_is_gone_has_waited_for_nothing() -> None:
    assert processor.waited(2**22 + 1) == 0
    assert processor.waited(os.getpid()) >= 0


def test_pressure_is_how_many_processes_waited_at_a_time_since_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = {1: 5.0, 2: 7.0}
    monkeypatch.setattr(processor, "waited", lambda pid: spent[pid])
    pressure = Pressure()
    pressure.since(spent, 100.0)
    spent |= {1: 6.0, 2: 7.5}
    assert pressure.since(spent, 101.0) == pytest.approx(1.5)
    assert pressure.since(spent, 102.0) == 0


class Busy:
    """A worker in the middle of a call."""

    pid = 1


@pytest.mark.parametrize(("waits", "more"), [(0.0, True), (0.4, True), (0.6, False), (1.0, False)])
def test_no_worker_is_started_where_one_more_would_only_wait_for_a_processor_too(
    waits: float, *, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers are busy, as many as are started at once, and each waits for that share of the time."""
    now, spent = 1000.0, 0.0
    monkeypatch.setattr(pool, "_AT_ONCE", 2)
    monkeypatch.setattr(processor, "waited", lambda _: spent)
    monkeypatch.setattr("local.cloud.workers.pool.time.monotonic", lambda: now)
    workers: Any = {Busy(), Second()}
    fleet = pool._Fleet(environment=lambda: pytest.fail("none is started"), workers=workers)
    call: Any = pool._Waiting("1", worker=None, since=now)  # type: ignore[arg-type]
    fleet.waiting = deque([call])
    now += 10.0
    assert fleet.needs_one_more(), "nothing is known of the time before"
    now, spent = now + 1, waits
    assert fleet.needs_one_more() is more


class Second(Busy):
    """Another one."""

    pid = 2
