"""Which verdict alarms have done their work, and what is to be noted before they go. Pure.

An alarm goes once its attempt has ended and the records say why without it. CodeDeploy stops a deployment of which it
cannot read an alarm, so none goes that anything in flight may look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from infra.release.decision.failure import failure_reason
from infra.release.model.observation import Deployment, reverts
from infra.release.model.spec import Target
from infra.release.model.tags import Stopped, Tags

_ATTEMPT = re.compile(r"(?P<stable>\d+)-(?P<canary>\d+)-\d{8}T\d{9}Z(-slow)?")
LAST = 2
"""Attempts whose alarms a runner deletes as it ends: its own, and that of a killed runner. A sweep finds the others."""
STARTING = timedelta(minutes=10)
"""An alarm is there before its deployment is: one younger than this may be of a release that just starts."""


def ended(target: Target, ledger: Sequence[Deployment]) -> list[Deployment]:
    """The last attempts that have ended and named verdict alarms. `ledger`: newest first."""
    guarded = _guarded(ledger)
    spent = (each for each in ledger if each.status.ended and set(verdicts(target, each)) - guarded)
    return list(spent)[:LAST]


def verdicts(target: Target, deployment: Deployment) -> list[str]:
    """The verdict alarms that a deployment named."""
    return [name for name in deployment.alarms if name.startswith(target.verdict_alarms)]


def unnoted(target: Target, attempts: Iterable[Deployment], tags: Tags, red: AbstractSet[str]) -> list[Stopped]:
    """The reasons that only an alarm's state tells: CodeDeploy's record names none that fired. `red`: in ALARM."""
    found = ((each, failure_reason(each, target, tags, red)) for each in attempts if each.failed)
    return [Stopped(each.id, *said) for each, said in found if said != failure_reason(each, target, tags)]


def left(target: Target, ledger: Sequence[Deployment], configured: Mapping[str, datetime], now: datetime) -> list[str]:
    """Those of a function's verdict alarms that nothing needs. `configured`: when each was."""
    guarded, told = _guarded(ledger), {name for each in ledger for name in each.alarms}
    return sorted(
        name
        for name, at in configured.items()
        if versions_of(target, name) and name not in guarded and (name in told or now - at > STARTING)
    )


def versions_of(target: Target, alarm: str) -> tuple[str, str] | None:
    """The stable version and the canary that a verdict alarm compares; None where the name is none of ours."""
    prefix = target.verdict_alarms
    found = _ATTEMPT.fullmatch(alarm.removeprefix(prefix)) if alarm.startswith(prefix) else None
    return (found["stable"], found["canary"]) if found else None


def _guarded(ledger: Sequence[Deployment]) -> set[str]:
    """The alarms of what is in flight, and of what that takes back: CodeDeploy's own way back may look at them."""
    running = [each for each in ledger if each.running]
    back = {each.rolls_back for each in running} | {
        reverted.id for each in running if (reverted := reverts(each, ledger)) is not None
    }
    return {name for each in ledger if each.running or each.id in back for name in each.alarms}
