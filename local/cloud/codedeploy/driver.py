"""Drives the machines of all running deployments, on the timeline: alarms, answers and requests wake it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from local.cloud.alarms.actions import LISTENERS
from local.cloud.clock import CLOCK
from local.cloud.codedeploy import aws
from local.cloud.codedeploy.machine import (
    Announce,
    Deployment,
    Effect,
    Fault,
    Inspect,
    Invoke,
    Observation,
    Plan,
    RollBack,
    Shift,
    curve,
    step,
)
from local.cloud.codedeploy.notices import announce
from local.cloud.codedeploy.records import ALL_AT_ONCE, LOCK, REGIONS, Record, Region
from local.cloud.ministack import ministack
from local.cloud.timeline import TIMELINE

_POLL_SECONDS = 0.1
"""Real seconds between two checks of what sends no event: deleted alarms, revoked permissions."""
_LOG = logging.getLogger(__name__)


class Driver:
    """Steps every running deployment when something has happened or is due, and from time to time."""

    def __init__(self) -> None:
        self._polling = False

    def start(self) -> None:
        """Subscribe to changes of alarms."""
        LISTENERS.append(self._on_alarm)

    def wake(self) -> None:
        """Step the deployments soon, since something happened."""
        TIMELINE.soon(self._step_all)

    def _on_alarm(self, account: str, region: str, alarm: str) -> None:
        """Stop the deployments that an alarm stops, before its other actions."""
        if TIMELINE.is_here():
            _drive_all(lambda at, record: at == (account, region) and alarm in record.machine.plan.alarms)
        else:
            self.wake()

    def _step_all(self) -> None:
        _drive_all()
        if not self._polling and _running():
            self._polling = True
            TIMELINE.at(TIMELINE.now() + _POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._polling = False
        self._step_all()


DRIVER = Driver()


def _running() -> list[tuple[Region, Record]]:
    with LOCK:
        return [
            (region, record)
            for region in REGIONS.values()
            for record in region.deployments.values()
            if not record.machine.over
        ]


def _drive_all(wanted: Callable[[tuple[str, str], Record], bool] = lambda *_: True) -> None:
    for region, record in _running():
        if wanted((region.account, region.name), record):
            try:
                drive(region, record)
            except Exception:
                _LOG.exception("deployment %s could not be driven", record.id)


def drive(region: Region, record: Record) -> None:
    """Step one deployment until it has nothing to do before it is due. For the timeline only."""
    core: Any = ministack("core.responses")
    fault: Fault | None = None
    with core.request_scope(region.account, region.name):
        while True:
            alarms = aws.alarm_states(region, record)
            with LOCK:
                seen = Observation(
                    TIMELINE.now(), CLOCK.minute, alarms, dict(record.answers), record.stop, fault, CLOCK.now()
                )
                before = record.machine
                record.machine, effects = step(before, seen)
                due = record.machine.due
                if RollBack() in effects:
                    _roll_back(region, record)
            if record.machine == before and not effects:
                return
            if due is not None and due != before.due:
                TIMELINE.at(due, DRIVER.wake)
            fault = _carry_out(region, record, effects)


def _carry_out(region: Region, record: Record, effects: tuple[Effect, ...]) -> Fault | None:
    for effect in effects:
        try:
            fault = _effect(region, record, effect)
        except Exception as error:
            _LOG.exception("%s of deployment %s failed", effect, record.id)
            fault = Fault("INTERNAL_ERROR", f"{type(error).__name__}: {error}")
        if fault is not None:
            return fault
    return None


def _effect(region: Region, record: Record, effect: Effect) -> Fault | None:
    match effect:
        case Inspect():
            return aws.inspect(region, record)
        case Shift(percent):
            return aws.shift(region, record, percent)
        case Invoke(event, function):
            with LOCK:
                record.executions[aws.execution_id(record, event)] = event
            return aws.invoke_hook(region, record, event, function)
        case Announce(state):
            announce(region, record, state)
            if state == "START" and record.triggered_by:
                announce(region, record, "ROLLBACK")  # the notice is about the rollback
        case RollBack():
            pass  # the records are no longer needed
    return None


def _roll_back(region: Region, record: Record) -> None:
    """Create the rollback: to the last known good revision, else to the version from which this one began.

    It moves all traffic at once, invokes no hook, checks no alarm and is not rolled back itself.
    """
    if record.application.groups.get(record.group.name) is not record.group:
        return
    good = region.last_good(record.group, record.spec)
    target = good.spec.target if good else record.spec.current
    spec = replace(record.spec, current=record.spec.target, target=target, hooks={})
    rollback = Record(
        record.application,
        record.group,
        ALL_AT_ONCE,
        good.revision if good else spec.revision(),
        spec,
        Deployment(Plan(curve("AllAtOnce"))),
        {"autoRollbackConfiguration": {"enabled": False, "events": []}},
        creator="codeDeployRollback",
        previous=record.revision,
        triggered_by=record.id,
    )
    record.rolled_back_by = rollback.id
    region.deployments[rollback.id] = rollback
    DRIVER.wake()
