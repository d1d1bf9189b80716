"""The actions that `next_action.decide` returns and the runner carries out, one small step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from infra.release.model.outcome import Outcome, Phase
from infra.release.model.tags import TagRecord


@dataclass(frozen=True)
class Wait:
    """Observe again a little later."""

    phase: Phase
    why: str


@dataclass(frozen=True)
class Probe:
    """Invoke a version, qualified, with the target's probe."""

    version: str
    phase: Phase = Phase.PROBE


@dataclass(frozen=True)
class WriteTag:
    """Write a record into the group's tags, before the act that it records."""

    mark: TagRecord
    why: str
    phase: Phase = Phase.NOTE


@dataclass(frozen=True)
class Start:
    """Create the verdict alarms afresh, then the deployment from `stable` to `canary`.

    at: the time that names this attempt, shared by the deployments of one set; None: now. all_at_once: all traffic at
    once, where one alias cannot hold both versions. waived: alarms of the alias that do not stop it.
    """

    stable: str
    canary: str
    at: datetime | None = None
    all_at_once: bool = False
    waived: tuple[str, ...] = ()
    phase: Phase = Phase.START


@dataclass(frozen=True)
class RevertDeployment:
    """Create the deployment, all traffic at once and without a verdict, from `canary` back to `stable`.

    at: that of the attempt that it reverts.
    """

    canary: str
    stable: str
    at: datetime
    why: str
    phase: Phase = Phase.ROLLBACK


@dataclass(frozen=True)
class Follow:
    """Adopt a deployment of this release: its end will be the outcome."""

    deployment: str
    phase: Phase = Phase.START


@dataclass(frozen=True)
class TopUp:
    """Send that many harmless requests through the alias."""

    requests: int
    why: str
    phase: Phase = Phase.TOP_UP


@dataclass(frozen=True)
class Stop:
    """Stop a deployment and have it rolled back."""

    deployment: str
    why: str
    phase: Phase = Phase.ROLLBACK


@dataclass(frozen=True)
class PointAlias:
    """Send all of the alias's traffic to `version`, if the alias is still as observed."""

    version: str
    why: str
    phase: Phase = Phase.RESTORE


@dataclass(frozen=True)
class Finish:
    """Nothing is left to do."""

    outcome: Outcome
    phase: Phase = Phase.END


Action = Wait | Probe | WriteTag | Start | RevertDeployment | Follow | TopUp | Stop | PointAlias | Finish
