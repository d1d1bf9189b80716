"""What can be done next, one small step at a time: what `next_action.decide` returns and the runner carries out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from infra.release.model.outcome import Outcome, Phase
from infra.release.model.tags import TagRecord


@dataclass(frozen=True)
class Wait:
    """Look again a little later."""

    phase: Phase
    why: str


@dataclass(frozen=True)
class Probe:
    """Invoke a version, qualified, with the target's probe."""

    version: str
    phase: Phase = Phase.PROBE


@dataclass(frozen=True)
class WriteTag:
    """Write a mark into the group's tags, before what it tells of is done."""

    mark: TagRecord
    why: str
    phase: Phase = Phase.NOTE


@dataclass(frozen=True)
class Start:
    """Create the verdict alarms afresh, then the deployment from `stable` to `canary`.

    at: the moment that names this attempt, which the deployments of one set share; None: now. abrupt: all traffic at
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

    at: that of the attempt which it takes back.
    """

    canary: str
    stable: str
    at: datetime
    why: str
    phase: Phase = Phase.ROLLBACK


@dataclass(frozen=True)
class Follow:
    """Adopt a deployment that is this very release: its end will be the outcome."""

    deployment: str
    phase: Phase = Phase.START


@dataclass(frozen=True)
class TopUp:
    """Send so many harmless requests through the alias."""

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
    """Send all of the alias's traffic to `version`, if the alias is still as it was seen."""

    version: str
    why: str
    phase: Phase = Phase.RESTORE


@dataclass(frozen=True)
class Finish:
    """Nothing is left to do."""

    outcome: Outcome
    phase: Phase = Phase.END


Action = Wait | Probe | WriteTag | Start | RevertDeployment | Follow | TopUp | Stop | PointAlias | Finish
