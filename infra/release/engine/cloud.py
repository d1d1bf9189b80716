"""What the engine asks of AWS: a protocol, and the errors it may raise."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from infra.release.model.actions import (
    RevertDeployment,
    Start,
)
from infra.release.model.attempt import UpstreamReleases
from infra.release.model.observation import Alias, Answer, Notes, Observation
from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleaseError, ReleasePolicy, Target
from infra.release.model.tags import TagRecord


class AwsError(ReleaseError):
    """AWS refused, and would again."""


class TransientError(AwsError):
    """AWS did not answer, or is busy: it may do so at the next look. What was asked may nevertheless have been done."""


class NotFoundError(AwsError):
    """AWS knows nothing of that name."""


class Cloud(Protocol):
    """All that the runner asks of AWS. Every method raises AwsError, or TransientError where a later try may do."""

    def look(self, wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        """Every function of the set, by name."""

    def upstream(self, target: Target) -> UpstreamReleases:
        """What the stack before this one tells; that it cannot be asked is told, not raised."""

    def probe(self, target: Target, version: str) -> Answer: ...

    def note(self, target: Target, mark: TagRecord) -> None:
        """Write the mark into the group's tags; later looks see it."""

    def start(self, target: Target, policy: ReleasePolicy, action: Start) -> str:
        """Create the verdict alarms and the deployment; returns the deployment's id."""

    def revert(self, target: Target, policy: ReleasePolicy, action: RevertDeployment) -> str:
        """Create the deployment that brings all traffic back at once; returns its id."""

    def top_up(self, target: Target, requests: int) -> None:
        """Send the target's probe through the alias so often, whatever it answers."""

    def stop(self, deployment: str) -> None:
        """Stop a deployment and have it rolled back; one that has ended is left as it is."""

    def point_alias(self, target: Target, seen: Alias, version: str) -> None:
        """TransientError if the alias is no longer as it was seen."""

    def cause(self, target: Target, outcome: Outcome, since: datetime) -> str | None:
        """The last line of the most frequent error since then: the canary's, from its log, or the failed hook's."""

    def states(self, names: Collection[str]) -> Mapping[str, bool]:
        """Those of the alarms that there are, and whether each is in ALARM."""

    def clear(self, names: Collection[str]) -> None:
        """Delete those alarms, of which each was there."""

    def forget(self, target: Target) -> None:
        """Delete the function's verdict alarms."""
