"""Select the verdict alarms to delete, and the reasons to record before that. Pure.

An alarm is obsolete once its attempt has ended and the records say why without it. CodeDeploy stops a deployment whose
alarm it cannot read, so an alarm that anything in flight may read is kept.
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
"""Attempts whose alarms a runner deletes as it ends: its own, and a killed runner's. `sweep` deletes the others."""
STARTING = timedelta(minutes=10)
"""An alarm is created before its deployment: one younger than this may belong to a release that is just starting."""


def ended(target: Target, ledger: Sequence[Deployment]) -> list[Deployment]:
    """Return the last attempts that have ended and named verdict alarms. `ledger`: newest first."""
    guarded = _guarded(ledger)
    spent = (each for each in ledger if each.status.ended and set(verdicts(target, each)) - guarded)
    return list(spent)[:LAST]


def verdicts(target: Target, deployment: Deployment) -> list[str]:
    """Return the verdict alarms that a deployment named."""
    return [name for name in deployment.alarms if name.startswith(target.verdict_alarms)]


def unnoted(target: Target, attempts: Iterable[Deployment], tags: Tags, red: AbstractSet[str]) -> list[Stopped]:
    """Reasons that only an alarm's state gives: CodeDeploy's record names no alarm that fired. `red`: in ALARM."""
    found = ((each, failure_reason(each, target, tags, red)) for each in attempts if each.failed)
    return [Stopped(each.id, *said) for each, said in found if said != failure_reason(each, target, tags)]


def left(target: Target, ledger: Sequence[Deployment], configured: Mapping[str, datetime], now: datetime) -> list[str]:
    """Return the function's verdict alarms that nothing needs. `configured`: when each alarm was last configured."""
    guarded, named = _guarded(ledger), {name for each in ledger for name in each.alarms}
    return sorted(
        name
        for name, at in configured.items()
        if versions_of(target, name) and name not in guarded and (name in named or now - at > STARTING)
    )


def versions_of(target: Target, alarm: str) -> tuple[str, str] | None:
    """Return the stable version and the canary that a verdict alarm compares; None if Strata did not name the alarm."""
    prefix = target.verdict_alarms
    found = _ATTEMPT.fullmatch(alarm.removeprefix(prefix)) if alarm.startswith(prefix) else None
    return (found["stable"], found["canary"]) if found else None


def _guarded(ledger: Sequence[Deployment]) -> set[str]:
    """Alarms of deployments in flight and of those they roll back: CodeDeploy's rollback may read them."""
    running = [each for each in ledger if each.running]
    back = {each.rolls_back for each in running} | {
        reverted.id for each in running if (reverted := reverts(each, ledger)) is not None
    }
    return {name for each in ledger if each.running or each.id in back for name in each.alarms}
