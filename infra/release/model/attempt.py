"""The outcome of one release of one function, from the records of its stack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.release.model.outcome import Ending


@dataclass(frozen=True)
class Attempt:
    """One function's release, with the deployments that rolled it back or reverted it.

    `ending` None: in flight. A first version has no deployment.
    """

    function: str
    deployment: str | None
    started: datetime
    ending: Ending | None
    reason: str
    why: str
    stable: str | None  # the version it started from
    version: str  # the one it released; "" where CodeDeploy no longer says
    fingerprint: str
    digest: str
    contract: str
    commit: str
    by: str
    ended: datetime | None = None  # all traffic was where it stayed
    set_id: datetime | None = None  # which the deployments of one set share
    back: tuple[str, ...] = ()  # the deployments that brought its traffic back, or tried to
    allowed: tuple[str, ...] = ()  # the overrides and retry grants by which it could start
    change_failed: bool = False  # whether the change was at fault

    @property
    def minutes(self) -> float | None:
        """Minutes until all traffic was where it stayed; None for a first version, and in flight."""
        return (self.ended - self.started) / timedelta(minutes=1) if self.ended and self.deployment else None

    @property
    def by_hand(self) -> bool:
        """True if Strata did not start it: it has no line in the ledger."""
        return self.deployment is not None and self.set_id is None

    def __str__(self) -> str:
        """Name the release in a sentence."""
        return self.deployment or f"version {self.version}, the first"


@dataclass(frozen=True)
class UpstreamReleases:
    """The releases of the same function in the upstream stack, newest first.

    unavailable_reason: why its records could not be read; empty where they could.
    """

    attempts: tuple[Attempt, ...] = ()
    unavailable_reason: str = ""
