"""The one timeline of the local cloud: what is due is done in the order of simulated time, however late the machine is.

The clock is moved by hand, and a machine that stalls is a clock that jumps. A minute lasts one second.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.cloud.alarms.evaluation import Datapoint, Missing, Rule, State, decide
from local.cloud.alarms.minutes import AFTER_SECONDS, Minutes
from local.cloud.clock import CLOCK
from local.cloud.codedeploy.machine import AFTER, BEFORE, Deployment, Observation, Phase, Plan, Shift, curve, step
from local.cloud.identity import callers
from local.cloud.metrics import store as stores
from local.cloud.metrics.store import Store, metric
from local.cloud.patches import retries
from local.cloud.timeline import Lateness, Timeline
from local.tests.unit.standing import START, Time

PLACE = ("111111111111", "eu-central-1", "AWS/Lambda", "Errors", {"ExecutedVersion": "2"})


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    standing, before = Time(), CLOCK.factor
    monkeypatch.setattr(CLOCK, "now", standing.now)
    CLOCK.factor = 60
    yield standing
    CLOCK.factor = before
    stores.SETTINGS.lateness_minutes = 0


@pytest.fixture
def timeline(time: Time, monkeypatch: pytest.MonkeyPatch) -> Timeline:
    made = Timeline(time.now)
    for module in (stores, callers, retries):
        monkeypatch.setattr(module, "TIMELINE", made)
    return made


def notes(done: list[str], name: str) -> Callable[[], None]:
    return lambda: done.append(name)


def test_what_is_due_is_done_in_its_order_and_not_before(time: Time, timeline: Timeline) -> None:
    done: list[str] = []
    for name, due in (("third", 3.0), ("first", 1.0), ("second", 2.0), ("second too", 2.0), ("fourth", 4.0)):
        timeline.at(START + due, notes(done, name))
    timeline.catch_up()
    assert done == []
    time.at = START + 3.5
    timeline.catch_up()
    assert done == ["first", "second", "second too", "third"]


def test_what_follows_from_a_late_deed_comes_before_what_was_due_after_it(time: Time, timeline: Timeline) -> None:
    done: list[str] = []

    def evaluate() -> None:
        done.append(f"evaluated at {timeline.now() - START:g}")
        timeline.soon(notes(done, "stopped"))

    timeline.at(START + 1, evaluate)
    timeline.at(START + 2, notes(done, "shifted"))
    time.at = START + 30
    timeline.catch_up()
    assert done == ["evaluated at 1", "stopped", "shifted"]


def test_what_a_client_asks_for_waits_for_all_that_was_due_before(time: Time, timeline: Timeline) -> None:
    done: list[str] = []
    timeline.at(START + 1, notes(done, "due"))
    time.at = START + 5
    timeline.soon(notes(done, "asked"))
    timeline.catch_up()
    assert done == ["due", "asked"]


def test_the_timeline_stands_at_the_first_thing_that_is_not_done(time: Time, timeline: Timeline) -> None:
    timeline.at(START + 2, lambda: None)
    time.at = START + 1
    assert timeline.now() == START + 1
    time.at = START + 9
    assert timeline.now() == START + 2
    timeline.catch_up()
    assert timeline.now() == START + 9


def test_it_says_by_how_much_it_is_late(time: Time, timeline: Timeline) -> None:
    timeline.at(START + 1, lambda: None)
    timeline.at(START + 3, lambda: None)
    time.at = START + 1
    assert timeline.lateness() == Lateness(behind=0, done=0, late=0)
    time.at = START + 10
    assert timeline.lateness() == Lateness(behind=9, done=0, late=0)
    timeline.catch_up()
    assert timeline.lateness() == Lateness(behind=0, done=2, late=9 + 7)


def test_a_deed_that_fails_stops_no_other(time: Time, timeline: Timeline) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ValueError("of this deed alone")

    timeline.at(START, fail)
    timeline.at(START, notes(done, "next"))
    timeline.catch_up()
    assert done == ["next"]
    time.at = START + 1
    assert timeline.now() == START + 1


def test_its_thread_does_what_several_threads_ask_for_in_order() -> None:
    now, done, over = [START], [], threading.Event()
    timeline = Timeline(lambda: now[0])
    timeline.start()

    def ask(number: int) -> None:
        timeline.at(START + 1 + number / 1000, lambda: done.append(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, [(37 * number) % 100 for number in range(100)]))
    timeline.at(START + 1.2, over.set)
    assert not done
    now[0] = START + 2  # once all have asked, however long that took
    assert over.wait(300)
    assert done == list(range(100))


# What the cloud puts on it.


class Release:
    """A canary of ten minutes along the timeline: calls are recorded, each minute is evaluated, an alarm stops it."""

    RULE = Rule("GreaterThanThreshold", 3, periods=1, to_alarm=1, missing=Missing.NOT_BREACHING)

    def __init__(self, timeline: Timeline, hooks: Mapping[str, str] | None = None) -> None:
        self.timeline = timeline
        self.store = Store()
        self.answers: dict[str, str] = {}
        self.alarm: State = State.OK
        self.evaluated: list[float] = []
        self.log: list[str] = []
        plan = Plan(curve("TimeBasedCanary", 10, 10), hooks or {}, ("errors",))
        self.machine = Deployment(plan)
        Minutes(self.evaluate, timeline).start()
        timeline.soon(self.drive)
        timeline.catch_up()

    def evaluate(self, end: float) -> bool:
        self.evaluated.append(round(end - START, 3))
        (errors,) = self.store.windows(metric(*PLACE), "Sum", [end - CLOCK.minute], CLOCK.minute)
        state = decide(self.RULE, [Datapoint(end - CLOCK.minute, errors)]).state
        if state is not None and state is not self.alarm:
            self.alarm = state
            self.log.append(f"{state} by minute {end - START:g}")
            self.drive()
        return True

    def drive(self) -> None:
        while True:
            alarms = {"errors": str(self.alarm)}
            seen = Observation(self.timeline.now(), CLOCK.minute, alarms, dict(self.answers), clock=CLOCK.now())
            before = self.machine
            self.machine, effects = step(before, seen)
            if self.machine == before:
                return
            if self.machine.due is not None and self.machine.due != before.due:
                self.timeline.at(self.machine.due, self.drive)
            self.log += [f"{effect.percent:g} %" for effect in effects if isinstance(effect, Shift)]

    def errors(self, count: int, at: float) -> None:
        for _ in range(count):
            self.store.record(*PLACE, 1, "Count", at)


def test_a_machine_that_stalls_for_many_minutes_evaluates_each_and_stops_a_bad_canary(
    time: Time, timeline: Timeline
) -> None:
    release = Release(timeline)
    release.errors(9, START + 2.5)
    time.at = START + 31.5
    timeline.catch_up()
    assert release.machine.phase is Phase.STOPPED
    assert release.log == ["10 %", "ALARM by minute 3", "OK by minute 4"]
    assert release.evaluated == list(range(32))


def test_after_the_same_stall_a_good_canary_shifts_once_each_minute_before_was_evaluated(
    time: Time, timeline: Timeline
) -> None:
    release = Release(timeline)
    release.errors(3, START + 2.5)
    time.at = START + 31.5
    timeline.catch_up()
    assert (release.machine.phase, release.log) == (Phase.SUCCEEDED, ["10 %", "100 %"])


@pytest.mark.parametrize("lateness", [0, 1, 2])
@pytest.mark.parametrize("steps", [(9.2,), (9.2, 10.5), (12.0,), (60.0,), tuple(n / 10 for n in range(1, 121))])
def test_a_stall_changes_no_decision(steps: tuple[float, ...], lateness: float, time: Time, timeline: Timeline) -> None:
    """A late evaluation sees what was visible in time, whatever has come in meanwhile."""
    stores.SETTINGS.lateness_minutes = lateness
    release = Release(timeline)
    release.errors(4, START)
    for passed in (*steps, 61.0):
        time.at = START + passed
        timeline.catch_up()
    assert release.machine.phase is (Phase.STOPPED if lateness <= 1 else Phase.SUCCEEDED)


def test_the_canary_keeps_its_ten_minutes_where_its_own_beginning_was_late(time: Time, timeline: Timeline) -> None:
    release = Release(timeline, {BEFORE: "hook"})
    release.answers[BEFORE] = "Succeeded"
    timeline.at(START + 1, release.drive)
    time.at = START + 7
    timeline.catch_up()
    assert (release.log, release.machine.due) == (["10 %"], START + 17)


def test_an_answer_that_came_before_its_end_was_done_is_in_time(time: Time, timeline: Timeline) -> None:
    release = Release(timeline, {AFTER: "hook"})
    time.at = START + 10.5
    timeline.catch_up()
    assert release.machine.awaits(AFTER)
    time.at = START + 100  # the hour is over by the clock, and nothing of it has been done
    assert release.machine.due is not None
    assert timeline.now() < release.machine.due
    release.answers[AFTER] = "Succeeded"
    timeline.soon(release.drive)
    timeline.catch_up()
    assert release.machine.phase is Phase.SUCCEEDED


def test_a_hook_that_is_silent_fails_when_the_timeline_comes_to_its_hour(time: Time, timeline: Timeline) -> None:
    release = Release(timeline, {BEFORE: "hook"})
    time.at = START + 59
    timeline.catch_up()
    assert release.machine.awaits(BEFORE)
    time.at = START + 1000
    timeline.catch_up()
    assert release.machine.phase is Phase.FAILED
    assert release.log == []


def test_without_an_alarm_no_minute_is_made_up_for(time: Time, timeline: Timeline) -> None:
    seen: list[float] = []

    def nothing(end: float) -> bool:
        seen.append(end)
        return False

    Minutes(nothing, timeline).start()
    timeline.catch_up()
    time.at = START + 1000.5
    timeline.catch_up()
    assert len(seen) <= 2
    assert timeline.now() == time.at


def test_another_factor_begins_other_minutes_at_once(time: Time, timeline: Timeline) -> None:
    seen: list[float] = []

    def note(end: float) -> bool:
        seen.append(end)
        return True

    Minutes(note, timeline).start()
    CLOCK.factor = 6
    timeline.catch_up()
    CLOCK.factor = 60
    for tenth in range(1, 31):
        time.at = START + tenth / 10
        timeline.catch_up()
    assert [round(end - START, 3) for end in seen] == [1, 2]
    assert CLOCK.real(AFTER_SECONDS) < CLOCK.minute


def test_a_session_ends_when_the_timeline_comes_to_its_end(
    time: Time, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sts:
        _sessions: Mapping[str, Any] = {"ASIA": {"Expiration": START + 5}}

    monkeypatch.setattr(callers, "ministack", lambda _: Sts)
    timeline.at(START + 3, lambda: None)
    time.at = START + 60
    assert callers.session("ASIA") is not None, "what was due two seconds before its end is not done yet"
    timeline.catch_up()
    with pytest.raises(callers.UnknownCallerError) as refused:
        callers.session("ASIA")
    assert refused.value.kind == "expired"


class Lambda:
    """The part of ministack that asynchronous calls need. Every call fails, `good` aside."""

    def __init__(self, good: int | None = None) -> None:
        self.calls: list[float] = []
        self.failures: list[str] = []
        self._functions: dict[str, Any] = {}
        self._good = good
        self._called = threading.Semaphore(0)

    def __call__(self, _: str) -> "Lambda":
        return self

    def _account_region_from_function_config(self, config: Mapping[str, Any]) -> tuple[str, str]:
        return "111111111111", "eu-central-1"

    def request_scope(self, account: str, region: str) -> Any:
        return threading.Lock()

    def _execute_function(self, function: Mapping[str, Any], event: Any) -> dict[str, Any]:
        self.calls.append(round(CLOCK.now() - START, 3))
        return {} if len(self.calls) == self._good else {"error": True}

    def _route_async_failure(self, arn: str, name: str, event: Any, result: Mapping[str, Any]) -> None:
        self.failures.append(arn)


@pytest.mark.parametrize(
    ("settings", "good", "calls", "failures"),
    [
        ({}, None, [0, 1, 3], ["arn:dead"]),
        ({}, 2, [0, 1], []),
        ({"MaximumRetryAttempts": 0}, None, [0], ["arn:dead"]),
        ({"MaximumEventAgeInSeconds": 100}, None, [0, 1], ["arn:dead"]),
    ],
)
def test_an_asynchronous_call_is_tried_again_after_one_minute_and_after_two_more(  # noqa: PLR0917
    settings: dict[str, Any],
    good: int | None,
    calls: list[float],
    failures: list[str],
    time: Time,
    timeline: Timeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Lambda(good)
    service._functions = {
        "orders": {"event_invoke_configs": {"live": settings, "$LATEST": {"MaximumRetryAttempts": 1}}}
    }
    monkeypatch.setattr(retries, "ministack", service)
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.run)
    arn = "arn:aws:lambda:eu-central-1:111111111111:function:orders:live"
    function = {"config": {"DeadLetterConfig": {"TargetArn": "arn:dead"}, "FunctionArn": arn}}
    retries.on_the_timeline(lambda: None)(function, {})
    for tenth in itertools.count(1):
        time.at = START + tenth / 10
        timeline.catch_up()
        if tenth == 60:
            break
    assert (service.calls, service.failures) == (calls, failures)
