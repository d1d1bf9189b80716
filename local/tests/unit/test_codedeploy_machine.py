"""A deployment's state machine, tick by tick. A minute lasts one second here."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from local.cloud.codedeploy.machine import (
    AFTER,
    ALLOW,
    BEFORE,
    EVENTS,
    Announce,
    Deployment,
    Effect,
    Event,
    Fault,
    Inspect,
    Invoke,
    Observation,
    Phase,
    Plan,
    RollBack,
    Shift,
    Stop,
    Turn,
    curve,
    step,
)

CANARY = curve("TimeBasedCanary", 10, 5)
EVERY = frozenset({"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"})
HOOKS = {BEFORE: "CodeDeployHook_before", AFTER: "CodeDeployHook_after"}


def plan(
    turns: tuple[Turn, ...] = CANARY,
    hooks: Mapping[str, str] | None = None,
    alarms: tuple[str, ...] = ("errors",),
    roll_back_on: frozenset[str] = EVERY,
    ignore: bool = False,
) -> Plan:
    return Plan(turns, hooks or {}, alarms, ignore, roll_back_on)


class Drive:
    """Steps a deployment as its driver does, and notes every effect."""

    def __init__(self, given: Plan) -> None:
        self.state = Deployment(given)
        self.alarms: dict[str, str | None] = dict.fromkeys(given.alarms, "OK")
        self.answers: dict[str, str] = {}
        self.stop: Stop | None = None
        self.effects: list[Effect] = []
        self.faults: dict[Effect, Fault] = {}

    def at(self, now: float) -> "Drive":
        fault = None
        while True:
            seen = Observation(now, 1.0, dict(self.alarms), dict(self.answers), self.stop, fault)
            before = self.state
            self.state, effects = step(before, seen)
            self.effects += effects
            fault = next((self.faults[effect] for effect in effects if effect in self.faults), None)
            if before == self.state and not effects:
                return self

    @property
    def statuses(self) -> list[str]:
        return [self.state.events[name].status for name in EVENTS]


def test_a_canary_shifts_a_part_at_once_and_the_rest_when_its_minutes_are_over() -> None:
    drive = Drive(plan()).at(100)
    assert drive.effects == [Announce("START"), Inspect(), Shift(10)]
    assert (drive.state.status, drive.state.due, drive.state.percent) == ("InProgress", 105, 10)
    assert drive.at(104.99).effects[3:] == []
    assert drive.at(105).effects[3:] == [Shift(100), Announce("SUCCESS")]
    assert drive.statuses == ["Succeeded"] * 3
    assert (drive.state.status, drive.state.started, drive.state.ended, drive.state.due) == (
        "Succeeded",
        100,
        105,
        None,
    )


@pytest.mark.parametrize(
    ("kind", "percentage", "interval", "expected"),
    [
        ("AllAtOnce", 100, 0, [(0, 100)]),
        ("AllAtOnce", 10, 5, [(0, 100)]),
        ("TimeBasedCanary", 100, 5, [(0, 100)]),
        ("TimeBasedLinear", 100, 1, [(0, 100)]),
        ("TimeBasedCanary", 99, 5, [(0, 99), (5, 100)]),
        ("TimeBasedCanary", 10, 5, [(0, 10), (5, 100)]),
        ("TimeBasedLinear", 50, 3, [(0, 50), (3, 100)]),
        ("TimeBasedLinear", 30, 2, [(0, 30), (2, 60), (2, 90), (2, 100)]),
        ("TimeBasedLinear", 10, 1, [(0, 10), *((1, share) for share in range(20, 101, 10))]),
    ],
)
def test_a_curve_begins_at_once_and_ends_with_all_traffic(
    kind: str, percentage: int, interval: int, expected: list[tuple[int, int]]
) -> None:
    assert curve(kind, percentage, interval) == tuple(Turn(*turn) for turn in expected)


def test_a_linear_shift_takes_one_step_an_interval_even_when_it_is_looked_at_late() -> None:
    drive = Drive(plan(curve("TimeBasedLinear", 40, 2))).at(0)
    assert drive.at(2.5).effects[2:] == [Shift(40), Shift(80)]
    assert drive.at(4.4).effects[4:] == []
    assert drive.at(4.5).effects[4:] == [Shift(100), Announce("SUCCESS")]


def test_all_at_once_is_over_in_one_tick() -> None:
    drive = Drive(plan(curve("AllAtOnce"))).at(7)
    assert drive.effects == [Announce("START"), Inspect(), Shift(100), Announce("SUCCESS")]


def test_hooks_are_called_around_the_shift_and_each_is_waited_for() -> None:
    drive = Drive(plan(curve("AllAtOnce"), HOOKS)).at(0)
    assert drive.effects == [Announce("START"), Inspect(), Invoke(BEFORE, HOOKS[BEFORE])]
    assert drive.statuses == ["InProgress", "Pending", "Pending"]
    assert drive.state.awaits(BEFORE)
    assert not drive.state.awaits(AFTER)
    drive.answers[BEFORE] = "Succeeded"
    assert drive.at(3).effects[3:] == [Shift(100), Invoke(AFTER, HOOKS[AFTER])]
    assert drive.statuses == ["Succeeded", "Succeeded", "InProgress"]
    drive.answers[AFTER] = "Succeeded"
    assert drive.at(4).effects[5:] == [Announce("SUCCESS")]
    assert not drive.state.awaits(AFTER)


@pytest.mark.parametrize(
    ("answered", "shifted", "statuses"),
    [
        ({BEFORE: "Failed"}, [], ["Failed", "Skipped", "Skipped"]),
        ({BEFORE: "Succeeded", AFTER: "Failed"}, [Shift(100)], ["Succeeded", "Succeeded", "Failed"]),
    ],
)
def test_a_hook_that_fails_fails_the_deployment_and_rolls_back(
    answered: dict[str, str], shifted: list[Effect], statuses: list[str]
) -> None:
    drive = Drive(plan(curve("AllAtOnce"), HOOKS))
    drive.answers = answered
    drive.at(0)
    assert [effect for effect in drive.effects if isinstance(effect, Shift)] == shifted
    assert drive.effects[-2:] == [RollBack(), Announce("FAILURE")]
    assert drive.state.status == "Failed"
    assert drive.state.fault is not None
    assert drive.state.fault.code == "HOOK_EXECUTION_FAILURE"
    assert drive.statuses == statuses


def test_an_event_that_fails_keeps_when_it_began_and_says_why() -> None:
    drive = Drive(plan(hooks=HOOKS)).at(3)
    drive.answers[BEFORE] = "Failed"
    failed = drive.at(7).state
    assert failed.fault is not None
    assert failed.events == {
        BEFORE: Event("Failed", 3, 7, failed.fault.message),
        ALLOW: Event("Skipped"),
        AFTER: Event("Skipped"),
    }
    assert "within one hour" not in failed.fault.message


def test_an_event_that_had_not_begun_fails_when_the_deployment_ends() -> None:
    drive = Drive(plan(hooks=HOOKS))
    drive.alarms["errors"] = "ALARM"
    begun = drive.at(5).state.events[BEFORE]
    assert (begun.status, begun.started, begun.ended) == ("Failed", 5, 5)


def test_only_an_event_with_a_hook_is_awaited() -> None:
    drive = Drive(plan(hooks=HOOKS))
    drive.answers[BEFORE] = "Succeeded"
    assert [event for event in EVENTS if drive.at(0).state.awaits(event)] == []
    assert drive.statuses == ["Succeeded", "InProgress", "Pending"]


def test_a_late_timeline_decides_what_is_due_and_the_clock_what_is_written_down() -> None:
    shifting = Drive(plan()).at(0).state
    assert step(shifting, Observation(4, 1.0, {"errors": "OK"}, clock=9)) == (shifting, ())
    shifted, _ = step(shifting, Observation(5, 1.0, {"errors": "OK"}, clock=9))
    over, _ = step(shifted, Observation(5, 1.0, {"errors": "OK"}, clock=9))
    assert (over.events[ALLOW].ended, shifted.percent) == (9, 100)


def test_a_hook_has_an_hour_and_not_a_moment_more() -> None:
    drive = Drive(plan(curve("AllAtOnce"), HOOKS)).at(0)
    assert drive.state.due == 60
    assert drive.at(59.99).state.phase is Phase.BEFORE_TRAFFIC
    assert drive.at(60).state.phase is Phase.FAILED
    assert not drive.state.awaits(BEFORE)
    assert drive.state.fault is not None
    assert "within one hour" in drive.state.fault.message


def test_an_alarm_that_is_red_at_the_start_stops_before_any_traffic_moves() -> None:
    drive = Drive(plan())
    drive.alarms["errors"] = "ALARM"
    drive.at(0)
    assert drive.effects == [Announce("START"), Inspect(), RollBack(), Announce("STOP")]
    assert (drive.state.status, drive.statuses) == ("Stopped", ["Failed", "Skipped", "Skipped"])


def test_an_alarm_during_the_shift_stops_it_and_rolls_back() -> None:
    drive = Drive(plan(alarms=("slow", "errors"))).at(0)
    drive.alarms |= {"slow": "ALARM", "errors": "ALARM"}
    assert drive.at(2).effects[3:] == [RollBack(), Announce("STOP")]
    assert drive.statuses == ["Succeeded", "Failed", "Skipped"]
    assert drive.state.percent == 10
    assert drive.state.fault is not None
    assert drive.state.fault.code == "ALARM_ACTIVE"
    assert drive.state.fault.message.endswith("Activated alarms: <errors> <slow>")


def test_an_alarm_at_the_very_moment_of_the_last_step_wins() -> None:
    drive = Drive(plan()).at(0)
    drive.alarms["errors"] = "ALARM"
    assert Shift(100) not in drive.at(5).effects


def test_an_alarm_after_the_shift_still_stops_while_a_hook_is_awaited() -> None:
    drive = Drive(plan(curve("AllAtOnce"), {AFTER: "CodeDeployHook_bake"})).at(0)
    drive.alarms["errors"] = "ALARM"
    assert drive.at(1).statuses == ["Succeeded", "Succeeded", "Failed"]
    assert drive.state.status == "Stopped"


def test_alarms_no_longer_count_once_it_has_succeeded() -> None:
    drive = Drive(plan(curve("AllAtOnce"))).at(0)
    drive.alarms["errors"] = "ALARM"
    drive.stop = Stop(True)
    before = list(drive.effects)
    assert drive.at(9).effects == before
    assert drive.state.status == "Succeeded"


def test_an_alarm_without_data_does_not_stop() -> None:
    drive = Drive(plan())
    drive.alarms["errors"] = "INSUFFICIENT_DATA"
    assert drive.at(0).state.phase is Phase.SHIFTING


@pytest.mark.parametrize(("ignore", "status"), [(False, "Stopped"), (True, "InProgress")])
def test_an_alarm_that_cannot_be_read_stops_unless_that_is_ignored(ignore: bool, status: str) -> None:
    drive = Drive(plan(ignore=ignore))
    drive.alarms["errors"] = None
    assert drive.at(0).state.status == status


@pytest.mark.parametrize(
    ("asked", "events", "rolled_back"),
    [
        (None, EVERY, True),
        (None, EVERY - {"DEPLOYMENT_STOP_ON_REQUEST"}, False),
        (True, frozenset(), True),
        (False, EVERY, False),
    ],
)
def test_a_request_to_stop_rolls_back_as_it_says_or_else_as_configured(
    asked: bool | None, events: frozenset[str], rolled_back: bool
) -> None:
    drive = Drive(plan(roll_back_on=events)).at(0)
    drive.stop = Stop(asked)
    drive.at(1)
    assert (RollBack() in drive.effects) is rolled_back
    assert drive.state.status == "Stopped"
    assert drive.state.fault is not None
    assert drive.state.fault.code == "MANUAL_STOP"


@pytest.mark.parametrize("event", sorted(EVERY))
def test_each_rollback_event_acts_on_its_own_kind_of_end_only(event: str) -> None:
    ends: dict[str, Drive] = {}
    for kind in sorted(EVERY):
        drive = ends[kind] = Drive(plan(roll_back_on=frozenset({event}), hooks={AFTER: "CodeDeployHook_x"})).at(0)
        if kind == "DEPLOYMENT_STOP_ON_ALARM":
            drive.alarms["errors"] = "ALARM"
        elif kind == "DEPLOYMENT_STOP_ON_REQUEST":
            drive.stop = Stop()
        else:
            drive.answers[AFTER] = "Failed"
        drive.at(5)
    assert [kind for kind, drive in ends.items() if RollBack() in drive.effects] == [event]


def test_a_wrong_revision_fails_before_anything_is_touched_and_is_not_rolled_back() -> None:
    drive = Drive(plan())
    wrong = Fault("INVALID_LAMBDA_CONFIGURATION", "equal versions")
    drive.faults[Inspect()] = wrong
    drive.at(0)
    assert drive.effects == [Announce("START"), Inspect(), Announce("FAILURE")]
    assert (drive.state.status, drive.state.fault) == ("Failed", wrong)


def test_a_shift_that_lambda_refuses_fails_and_the_weight_stays_what_it_was() -> None:
    drive = Drive(plan()).at(0)
    drive.faults[Shift(100)] = Fault("INVALID_LAMBDA_CONFIGURATION", "roles differ")
    drive.at(5)
    assert drive.effects[-3:] == [Shift(100), RollBack(), Announce("FAILURE")]
    assert (drive.state.status, drive.state.percent) == ("Failed", 10)
    first = Drive(plan())
    first.faults[Shift(10)] = Fault("INVALID_LAMBDA_CONFIGURATION", "roles differ")
    assert first.at(0).state.percent == 0


def test_nothing_happens_to_a_deployment_that_has_ended() -> None:
    ended = replace(Deployment(plan()), phase=Phase.FAILED)
    assert step(ended, Observation(1.0, 1.0, {"errors": "ALARM"}, stop=Stop(True))) == (ended, ())


def test_every_phase_has_one_status_of_the_api() -> None:
    shown = {phase: Deployment(plan(), phase).status for phase in Phase}
    assert set(shown.values()) == {"Created", "InProgress", "Succeeded", "Failed", "Stopped"}
    assert shown[Phase.CREATED] == "Created"
    assert ALLOW == "AllowTraffic"
