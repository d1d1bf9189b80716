"""Drives the machines of all running deployments: one thread, woken by alarms, answers, requests and time."""

import logging
import threading
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
    Plan,
    RollBack,
    Seen,
    Shift,
    curve,
    step,
)
from local.cloud.codedeploy.notices import announce
from local.cloud.codedeploy.records import ALL_AT_ONCE, LOCK, REGIONS, Record, Region
from local.cloud.patches import ministack

_LONGEST_SLEEP = 0.1
_LOG = logging.getLogger(__name__)


class Driver:
    """The thread. `wake` makes it look at once."""

    def __init__(self) -> None:
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="codedeploy", daemon=True)

    def start(self) -> None:
        """Begin, and listen to alarms."""
        LISTENERS.append(lambda *_: self.wake())
        self._thread.start()

    def wake(self) -> None:
        """Something happened."""
        self._awake.set()

    def _run(self) -> None:
        while True:
            running = _running()
            for region, record in running:
                try:
                    drive(region, record)
                except Exception:
                    _LOG.exception("deployment %s could not be driven", record.id)
            due = min((record.machine.due or float("inf") for _, record in running), default=float("inf"))
            self._awake.wait(max(0.001, min(due - CLOCK.now(), _LONGEST_SLEEP)) if running else None)
            self._awake.clear()


DRIVER = Driver()


def _running() -> list[tuple[Region, Record]]:
    with LOCK:
        return [
            (region, record)
            for region in REGIONS.values()
            for record in region.deployments.values()
            if not record.machine.over
        ]


def drive(region: Region, record: Record) -> None:
    """Step one deployment until it has nothing to do."""
    core: Any = ministack("core.responses")
    fault: Fault | None = None
    with core.request_scope(region.account, region.name):
        while True:
            alarms = aws.alarm_states(region, record)
            with LOCK:
                seen = Seen(CLOCK.now(), CLOCK.minute, alarms, dict(record.answers), record.stop, fault)
                before = record.machine
                record.machine, effects = step(before, seen)
                if RollBack() in effects:
                    _roll_back(region, record)
            if record.machine == before and not effects:
                return
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
        case RollBack():
            announce(region, record, "ROLLBACK")
    return None


def _roll_back(region: Region, record: Record) -> None:
    """Create the deployment that leads back: to the last known good revision, else to where this one began.

    It moves all traffic at once, invokes no hook, looks at no alarm and is not rolled back itself.
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
