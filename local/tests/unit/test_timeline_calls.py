"""A call under way delays what is due after it, for as long as this machine, and not the function, makes it slow."""

from collections.abc import Callable

import pytest

from local.cloud.timeline import PATIENCE, Hold, Timeline
from local.tests.unit.standing import START, Time


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def timeline(time: Time) -> Timeline:
    return Timeline(time.now)


def notes(done: list[str], name: str) -> Callable[[], None]:
    return lambda: done.append(name)


def test_a_call_under_way_holds_back_what_was_due_after_it_began(time: Time, timeline: Timeline) -> None:
    done: list[str] = []
    time.at = START + 1
    with timeline.call():
        timeline.at(START + 0.5, notes(done, "before"))
        timeline.at(START + 1.5, notes(done, "after"))
        time.at = START + 2
        timeline.catch_up()
        assert done == ["before"]
    timeline.catch_up()
    assert done == ["before", "after"]


def test_a_call_that_hangs_holds_nothing_back_for_ever(time: Time, timeline: Timeline) -> None:
    done: list[str] = []
    with timeline.call():
        timeline.at(START + 0.5, notes(done, "after"))
        time.at = START + PATIENCE - 0.1
        timeline.catch_up()
        assert done == []
        time.at = START + PATIENCE
        timeline.catch_up()
        assert done == ["after"]


def test_a_call_that_hangs_ends_no_other_calls_delay(time: Time, timeline: Timeline) -> None:
    done: list[str] = []
    with timeline.call():
        time.at = START + PATIENCE
        with timeline.call():
            timeline.at(START + PATIENCE + 0.1, notes(done, "after"))
            time.at = START + PATIENCE + 1
            timeline.catch_up()
            assert done == []


def test_patience_with_a_call_begins_when_a_worker_takes_it(time: Time, timeline: Timeline) -> None:
    done: list[str] = []
    timeline.at(START + 1, lambda: holds.append(timeline.hold()))
    holds: list[Hold] = []
    timeline.at(START + 2, notes(done, "after"))
    for passed in (1.0, 5 * PATIENCE):
        time.at = START + passed
        timeline.catch_up()
    assert done == []
    timeline.begin(holds[0])
    time.at += PATIENCE - 0.1
    timeline.catch_up()
    assert done == []
    time.at += 0.1
    timeline.catch_up()
    assert done == ["after"]


@pytest.mark.parametrize(("seconds", "order"), [(1.0, ["answer", "after"]), (PATIENCE + 1, ["after", "answer"])])
def test_what_follows_from_a_held_call_comes_at_its_moment_or_where_the_timeline_is(
    seconds: float, order: list[str], time: Time, timeline: Timeline
) -> None:
    done: list[str] = []
    moments: list[float] = []
    holds: list[Hold] = []

    def answer() -> None:
        done.append("answer")
        moments.append(timeline.now() - START)

    timeline.at(START + 1, lambda: holds.append(timeline.hold()))
    timeline.at(START + 2, notes(done, "after"))
    time.at = START + 3
    timeline.catch_up()
    timeline.begin(holds[0])
    time.at += seconds
    timeline.catch_up()
    timeline.end(holds[0], answer)
    timeline.catch_up()
    assert (done, moments) == (order, [1 if order[0] == "answer" else 2])
