"""CodeDeploy in memory: the deployments of one function, each driven by the local cloud's own state machine.

What is random on AWS, a test sets: `rollback` ("works", "fails", "is missing", "is slow"), `blocked`, `faults`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from infra.release.model.observation import Alias
from local.cloud.codedeploy.machine import (
    AFTER,
    BEFORE,
    Deployment,
    Effect,
    Fault,
    Inspect,
    Invoke,
    Observation,
    Phase,
    Plan,
    RollBack,
    Shift,
    Stop,
    curve,
    step,
)
from tests.unit.machine.world import Function

QUEUE = timedelta(seconds=20)
HOOK = timedelta(seconds=30)
"""That a hook takes to answer."""
SLOW = timedelta(minutes=20)
EVERY = frozenset({"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"})
STOPPED = Fault("MANUAL_STOP", "The deployment was stopped by a user.")
INVALID = "INVALID_LAMBDA_CONFIGURATION"


class Limit(Exception):  # noqa: N818 - AWS's own word
    """Another deployment of the group is in flight."""


@dataclass
class Record:
    """A deployment. role: "promotion" and "back" are a release's, "rollback" is CodeDeploy's, "foreign"
    another caller's.

    What an observer may not know but a judge must: by whom it was created and stopped, and which alarms were red then.
    """

    id: str
    role: str
    created: datetime
    description: str
    current: str
    target: str
    machine: Deployment
    begins: datetime
    by: str
    rolls_back: Record | None = None
    rollback: Record | None = None
    reverts: Record | None = None
    stop: Stop | None = None
    stopped_by: str = ""
    fired: tuple[str, ...] = ()
    shifting: datetime | None = None
    hooked: dict[str, tuple[datetime, str]] = field(default_factory=dict)  # when each hook will answer, and what

    @property
    def over(self) -> bool:
        return self.machine.over

    @property
    def succeeded(self) -> bool:
        return self.machine.phase is Phase.SUCCEEDED

    @property
    def gradual(self) -> bool:
        return len(self.machine.plan.turns) > 1

    @property
    def failed(self) -> bool:
        return self.over and not self.succeeded

    @property
    def ended(self) -> datetime | None:
        return _time(self.machine.ended)

    @property
    def started(self) -> datetime | None:
        return _time(self.machine.started)


@dataclass
class CodeDeploy:
    """One deployment group."""

    function: Function
    records: list[Record] = field(default_factory=list)  # oldest first
    rollback: str = "works"
    blocked: bool = False
    faults: list[str] = field(default_factory=list)  # codes that the next inspections and shifts fail with

    @property
    def running(self) -> Record | None:
        return next((each for each in self.records if not each.over), None)

    def find(self, id_: str) -> Record:
        return next(each for each in self.records if each.id == id_)

    def create(  # noqa: PLR0917
        self,
        now: datetime,
        role: str,
        by: str,
        description: str,
        versions: tuple[str, str],
        minutes: int | None,
        alarms: Sequence[str],
    ) -> Record:
        """CreateDeployment; minutes: of the canary, None for all at once. Hooks are called where alarms watch."""
        if self.running is not None:
            raise Limit(f"The Deployment Group already has an active Deployment '{self.running.id}'")
        turns = curve("TimeBasedCanary", 10, minutes) if minutes else curve("AllAtOnce")
        target = self.function.target
        named = {BEFORE: target.before_allow_traffic, AFTER: target.after_allow_traffic}
        hooks = {event: name for event, name in named.items() if name and alarms}
        plan = Plan(turns, hooks, tuple(alarms), roll_back_on=EVERY)
        return self._add(Record("", role, now, description, *versions, Deployment(plan), now + QUEUE, by))

    def stop(self, id_: str, by: str, *, roll_back: bool) -> None:
        """StopDeployment; one that has ended is left as it is."""
        record = self.find(id_)
        if not record.over and record.stop is None:
            record.stop, record.stopped_by = Stop(roll_back), by

    def tick(self, now: datetime) -> None:
        for record in list(self.records):
            if not record.over:
                self._drive(record, now)

    def _add(self, record: Record) -> Record:
        record.id = f"{self.function.name}-{len(self.records) + 1}"
        self.records.append(record)
        return record

    def _drive(self, record: Record, now: datetime) -> None:
        if record.machine.phase is Phase.CREATED:
            if record.stop is not None:
                fault = replace(record.machine, phase=Phase.STOPPED, fault=STOPPED, ended=now.timestamp())
                record.machine = fault
                if record.stop.roll_back and record.rolls_back is None:
                    self._roll_back(record, now)
                return
            if now < record.begins or self.blocked:
                return
        fault_: Fault | None = None
        while True:
            alarms = {name: self._state(name) for name in record.machine.plan.alarms}
            answers = {event: answer for event, (at, answer) in record.hooked.items() if at <= now and answer}
            before = record.machine
            seen = Observation(now.timestamp(), 60.0, alarms, answers, record.stop, fault_)
            record.machine, effects = step(before, seen)
            if record.over and not before.over:
                record.fired = tuple(name for name, state in alarms.items() if state == "ALARM")
            if record.machine == before and not effects:
                return
            fault_ = next(filter(None, (self._effect(record, each, now) for each in effects)), None)

    def _state(self, alarm: str) -> str | None:
        found = self.function.alarms.get(alarm)
        return None if found is None else "ALARM" if found.red else "OK"

    def _effect(self, record: Record, effect: Effect, now: datetime) -> Fault | None:
        match effect:
            case Inspect():
                return self._inspect(record)
            case Shift(percent):
                return self._shift(record, percent, now)
            case Invoke(event, _):
                code = self.function.codes[record.target]
                record.hooked[event] = (now + HOOK, code.before if event == BEFORE else code.after)
            case RollBack():
                self._roll_back(record, now)
        return None

    def _inspect(self, record: Record) -> Fault | None:
        if record.rolls_back is not None:
            return Fault("INTERNAL_ERROR", "of AWS's own") if self.rollback == "fails" else None
        if self.faults:
            return Fault(self.faults.pop(), "while it was inspected")
        if record.current == record.target or not self.function.alias.is_whole_on(record.current):
            return Fault(INVALID, "the alias does not match the current version")
        return None

    def _shift(self, record: Record, percent: float, now: datetime) -> Fault | None:
        if self.faults and record.rolls_back is None:
            return Fault(self.faults.pop(), "while traffic was moved")
        split = Alias(record.current, record.target, percent / 100)
        try:
            self.function.point(now, record.id, Alias(record.target) if percent >= 100 else split)
        except ValueError as refusal:
            return Fault(INVALID, str(refusal))
        record.shifting = record.shifting or now
        return None

    def _roll_back(self, record: Record, now: datetime) -> None:
        """To the last known good revision, else to where this one began: by a deployment of CodeDeploy's own."""
        if self.rollback == "is missing":
            return
        good = next((each.target for each in reversed(self.records) if each.succeeded), record.current)
        begins = now + (SLOW if self.rollback == "is slow" else QUEUE)
        plan = Deployment(Plan(curve("AllAtOnce")))
        back = Record("", "rollback", now, "", record.target, good, plan, begins, "codeDeployRollback", record)
        record.rollback = self._add(back)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
