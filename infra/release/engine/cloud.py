"""The protocol by which the engine calls AWS, and the errors that it may raise."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from infra.release.model.actions import (
    RevertDeployment,
    Start,
)
from infra.release.model.attempt import UpstreamReleases
from infra.release.model.observation import Alias, Answer, Deployment, Notes, Observation
from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleaseError, ReleasePolicy, Target
from infra.release.model.tags import TagRecord
from infra.release.verdict.traffic import Bucket


class AwsError(ReleaseError):
    """AWS refused, and would refuse again."""


class TransientError(AwsError):
    """AWS did not answer, or throttled: a later try may succeed. The request may have been carried out all the same."""


class NotFoundError(AwsError):
    """AWS has no resource of that name."""


@dataclass(frozen=True)
class TrafficHistory:
    """The last weeks of an alias: its counts, and the deployments that moved it."""

    now: datetime
    buckets: tuple[Bucket, ...] = ()
    ledger: tuple[Deployment, ...] = ()


class Cloud(Protocol):
    """All calls of the runner to AWS. Every method raises AwsError, or TransientError where a later try may succeed."""

    def observe(self, wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        """Observe every function of the set, by name."""

    def upstream(self, target: Target) -> UpstreamReleases:
        """Return the upstream stack's releases of the target. If they cannot be read, the result has the reason."""

    def history(self, target: Target) -> TrafficHistory:
        """Return what is known of the traffic of the last weeks, for the choice of a curve."""

    def probe(self, target: Target, version: str) -> Answer: ...

    def note(self, target: Target, mark: TagRecord) -> None:
        """Write the record into the group's tags; later observations read it."""

    def start(self, target: Target, policy: ReleasePolicy, action: Start) -> str:
        """Create the verdict alarms and the deployment; returns the deployment's id."""

    def revert(self, target: Target, policy: ReleasePolicy, action: RevertDeployment) -> str:
        """Create the deployment that brings all traffic back at once; returns its id."""

    def top_up(self, target: Target, requests: int) -> None:
        """Send the target's probe through the alias that many times, whatever it answers."""

    def stop(self, deployment: str) -> None:
        """Stop a deployment and have it rolled back; one that has ended is left as it is."""

    def point_alias(self, target: Target, seen: Alias, version: str) -> None:
        """Send all traffic to `version`. Raises TransientError if the alias is no longer as observed."""

    def cause(self, target: Target, outcome: Outcome, since: datetime) -> str | None:
        """Return the last line of the most frequent error since then: the canary's or the failed hook's."""

    def states(self, names: Collection[str]) -> Mapping[str, bool]:
        """For each of the alarms that exists, whether it is in ALARM."""

    def clear(self, names: Collection[str]) -> None:
        """Delete those alarms, all of which existed when last read."""

    def forget(self, target: Target) -> None:
        """Delete the function's verdict alarms."""
