"""Sources are polled at moments of simulated time: the same records make the same batches on any machine that keeps up.

The clock is moved by hand. A slow machine is a clock that goes on before anything is done, and a slow function one that
answers when the clock has gone on meanwhile. A simulated minute lasts one second.
"""

import threading
import time as real
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from local.cloud.clock import CLOCK
from local.cloud.sources import mappings, poller, polls, runner, shards
from local.cloud.sources.poller import Poller
from local.cloud.sources.runner import Invocation
from local.cloud.sources.shards import ShardReader
from local.cloud.timeline import PATIENCE, Hold, Timeline
from local.tests.unit.standing import START, Time

POLL = polls.POLL_SECONDS / 60  # real seconds
STEPS = 5_000  # of the clock; far more than any case takes


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    standing, before = Time(), CLOCK.factor
    monkeypatch.setattr(CLOCK, "now", standing.now)
    CLOCK.factor = 60
    yield standing
    CLOCK.factor = before


@pytest.fixture
def timeline(time: Time, monkeypatch: pytest.MonkeyPatch) -> Timeline:
    made = Timeline(time.now)
    for module in (poller, runner, shards):
        monkeypatch.setattr(module, "TIMELINE", made)
    return made


class Shard:
    """A stream, a mapping and its function. `written`: the polls after START at which each record can be read first.

    The function takes `seconds` of the clock for a batch, and fails what is its try of a batch in `fails`. `batches`
    has what it got: the poll, and the numbers of the records.
    """

    def __init__(
        self, timeline: Timeline, time: Time, written: list[float], *, seconds: float, fails: set[int], most: int
    ) -> None:
        self.batches: list[tuple[float, list[int]]] = []
        self.asked = 0
        self._timeline, self._time, self._seconds, self._fails = timeline, time, seconds, fails
        settings = {
            "BatchSize": most,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
            "MaximumRetryAttempts": -1,
            "MaximumRecordAgeInSeconds": -1,
            "BisectBatchOnFunctionError": False,
            "StartingPosition": "TRIM_HORIZON",
        }
        mapping: Any = SimpleNamespace(record=settings, source="stream", polled=lambda: True, id="1")
        self.reader = ShardReader(mapping, self)
        self._records = [
            {"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": START + (poll - 0.5) * POLL}}
            for number, poll in enumerate(written)
        ]
        for record in self._records:  # as each is written
            timeline.at(polls.following(shards.arrived(record)), self.reader.poll)

    def records(self, position: int) -> tuple[int, list[Any]]:
        self.asked += 1
        return position, self._records[position:]

    def readable(self) -> bool:
        return True

    def passes(self) -> Callable[[Any], bool]:
        return lambda _: True

    def give_up(self, _: Any) -> None:
        raise AssertionError

    def invoked(self, _: Any, records: list[Any], hold: Hold, __: float | None) -> Invocation:
        self._timeline.begin(hold)
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
        self.batches.append((round((hold.at - START) / POLL, 3), numbers))
        error, end = len(self.batches) in self._fails, self._time.at + self._seconds
        while self._time.at < end:
            real.sleep(0.0002)
        return Invocation(ran=True, error=error)


@pytest.fixture
def shard(time: Time, timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shard]:
    def make(written: list[float], *, seconds: float = 0, fails: set[int] | None = None, most: int = 3) -> Shard:
        made = Shard(timeline, time, written, seconds=seconds, fails=fails or set(), most=most)
        monkeypatch.setattr(runner, "_invoked", made.invoked)
        made.reader.begin()
        return made

    return make


def pass_time(time: Time, timeline: Timeline, step: float, over: Callable[[], bool]) -> None:
    """Move the clock by steps until `over`."""
    for _ in range(STEPS):
        if over():
            return
        time.at += step
        timeline.catch_up()
        real.sleep(0.0005)
    pytest.fail("it is not over")


# Written at polls 1, 2, 2, 3, 9, ... ; three records at most make a batch, and the third batch fails once, so that it
# blocks the shard for a simulated second, which is four polls.
WRITTEN = [1.0, 2, 2, 3, 9, 10, 11, 11, 12, 20, 20, 20, 20, 31]
FAILS = {3}
BATCHES = [
    (1, [0]),
    (2, [1, 2]),
    (3, [3]),
    (7, [3]),
    (9, [4]),
    (10, [5]),
    (11, [6, 7]),
    (12, [8]),
    (20, [9, 10, 11]),
    (20, [12]),
    (31, [13]),
]
MACHINES = {
    "fast": (POLL / 3, 0.0),
    "slow": (20 * POLL, 0.0),
    "stalled": (0.9, 0.0),
    "of a slow function": (POLL / 3, 5 * POLL),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_same_records_make_the_same_batches_on_any_machine(
    machine: str, shard: Callable[..., Shard], time: Time, timeline: Timeline
) -> None:
    step, seconds = MACHINES[machine]
    made = shard(WRITTEN, seconds=seconds, fails=FAILS)
    pass_time(time, timeline, step, lambda: len(made.batches) == len(BATCHES))
    assert made.batches == BATCHES


def test_nothing_that_is_due_later_is_done_before_a_batch_is(
    shard: Callable[..., Shard], time: Time, timeline: Timeline
) -> None:
    made = shard([1, 2], seconds=0.5)
    seen = list[int]()
    timeline.at(START + 10 * POLL, lambda: seen.append(len(made.batches)))
    pass_time(time, timeline, 0.1, lambda: bool(seen))
    assert seen == [2]
    assert time.at > START + 1.0


def test_a_function_that_outlasts_patience_blocks_its_shard_and_gets_what_came_meanwhile(
    shard: Callable[..., Shard], time: Time, timeline: Timeline
) -> None:
    written = [1, *(2 + 100 * number for number in range(10))]  # the last at 3.75 s of the clock
    made = shard(written, seconds=PATIENCE + 2.5, most=100)
    pass_time(time, timeline, 0.05, lambda: len(made.batches) == 2)
    assert [numbers for _, numbers in made.batches] == [[0], list(range(1, 11))]


def test_a_shard_that_falls_far_behind_gets_larger_batches_and_catches_up(
    shard: Callable[..., Shard], time: Time, timeline: Timeline
) -> None:
    made = shard([float(number) for number in range(1, 301)], most=100)
    time.at = START + 300 * POLL  # 1.25 s of the clock: all are written before the first is read
    pass_time(time, timeline, 0, lambda: sum(len(numbers) for _, numbers in made.batches) == 300)
    assert [numbers for _, numbers in made.batches[:1]] == [list(range(100))]
    assert all(len(numbers) in {1, 100} for _, numbers in made.batches)


def test_a_machine_that_is_late_asks_a_stream_once_for_many_polls(
    shard: Callable[..., Shard], time: Time, timeline: Timeline
) -> None:
    made = shard([float(number) for number in range(1, 101)])
    made.asked = 0
    time.at = START + 200 * POLL
    pass_time(time, timeline, POLL / 3, lambda: len(made.batches) == 100)
    assert made.asked == 1


def test_a_poll_is_never_before_what_it_is_to_read(time: Time) -> None:
    for number in range(1000):
        at = START + number * 0.001_37
        assert at <= polls.following(at) < at + 1.001 * POLL
        assert polls.following(polls.following(at)) == polls.following(at)


def test_a_poller_that_is_woken_often_polls_once_and_again_when_it_is_woken_later(
    time: Time, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled = list[float]()
    reader = SimpleNamespace(poll=lambda: polled.append(timeline.now()))
    monkeypatch.setattr(mappings, "every", lambda: iter([SimpleNamespace(reader=reader, polled=lambda: True)]))
    woken = Poller()
    time.at = START + 0.4 * POLL
    woken.wake()
    woken.wake()
    time.at = START + 1.4 * POLL
    woken.wake()
    time.at = START + 9 * POLL
    timeline.catch_up()
    assert polled == pytest.approx([START + POLL, START + 2 * POLL], abs=POLL / 100)


def test_a_source_that_cannot_be_read_holds_up_no_other(
    time: Time, timeline: Timeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    polled = threading.Event()
    readers = (SimpleNamespace(poll=fail), SimpleNamespace(poll=polled.set))
    found = [SimpleNamespace(id=str(id(each)), reader=each, polled=lambda: True) for each in readers]
    monkeypatch.setattr(mappings, "every", lambda: iter(found))
    Poller().wake()
    time.at = START + POLL
    timeline.catch_up()
    assert polled.is_set()
    assert "ZeroDivisionError" in caplog.text
