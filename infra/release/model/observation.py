"""The data that a runner reads from AWS before it decides: frozen, with aware times of the runner's clock.

`spec` holds what is wanted, `actions` what `next_action.decide` makes of both, and `outcome` how a release ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from infra.release.model.attempt import UpstreamReleases
from infra.release.model.ledger import Entry
from infra.release.model.tags import First, Tags
from infra.release.verdict.curves import Choice
from infra.release.verdict.judge import Counts


@dataclass(frozen=True)
class Version:
    """A published version. `fingerprint` and `contract` are those of infra.release.model.fingerprint.

    published: its published configuration, key by key. A version that is only planned has no number yet.
    """

    number: str
    fingerprint: str
    digest: str
    contract: str
    published: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        return self.number or f"the next version ({self.digest[:12]})"


@dataclass(frozen=True)
class Alias:
    """An alias sends `weight` (0 - 1) of its traffic to `shifted`, the rest to `version`."""

    version: str
    shifted: str | None = None
    weight: float = 0.0
    revision: str = field(default="", compare=False)  # Lambda's, so that only what was seen is changed

    def __str__(self) -> str:
        return self.version if self.shifted is None else f"{self.version} with {self.weight:.0%} on {self.shifted}"

    def is_whole_on(self, version: str) -> bool:
        """True if all traffic goes to `version`."""
        return self.shifted is None and self.version == version


class Status(StrEnum):
    """CodeDeploy's statuses of a deployment.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html
    """

    CREATED = "Created"
    QUEUED = "Queued"
    IN_PROGRESS = "InProgress"
    BAKING = "Baking"
    READY = "Ready"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def ended(self) -> bool:
        return self in {Status.SUCCEEDED, Status.FAILED, Status.STOPPED}

    @property
    def begun(self) -> bool:
        return self not in {Status.CREATED, Status.QUEUED}


@dataclass(frozen=True)
class Deployment:
    """One of CodeDeploy's records. `entry` is the ledger entry in its description, None if it has none."""

    id: str
    status: Status
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    entry: Entry | None = None
    error: str = ""  # CodeDeploy's code, such as ALARM_ACTIVE
    message: str = ""  # and its words
    rollback: str | None = None  # the deployment that rolls this one back
    rolls_back: str | None = None  # the deployment that this one, CodeDeploy's own rollback, rolls back
    alarms: tuple[str, ...] = ()  # that stop it, by name
    curve: str = ""  # its deployment configuration
    canary: str | None = None  # the version it shifts to; asked for only where it is followed
    shifting: datetime | None = None  # when traffic began to move; likewise

    @property
    def running(self) -> bool:
        return not self.status.ended

    @property
    def failed(self) -> bool:
        return self.status in {Status.FAILED, Status.STOPPED}


def reverts(revert: Deployment, ledger: Iterable[Deployment]) -> Deployment | None:
    """Return the deployment of `ledger`, newest first, that `revert` reverts: both carry the same time."""
    entry = revert.entry
    return next(
        (
            each
            for each in ledger
            if entry
            and each.entry
            and each.entry.at == entry.at
            and each.created < revert.created
            and each.entry.fingerprint != entry.fingerprint
        ),
        None,
    )


@dataclass(frozen=True)
class Answer:
    """A version's answer to the probe. `error` is the last line of its error, None when it succeeded."""

    version: str
    error: str | None


@dataclass(frozen=True)
class Notes:
    """All that a runner remembers between observations; whatever else it knows, it reads back from AWS."""

    following: str | None = None  # the deployment whose end is this release's outcome
    asked: frozenset[str] | None = None  # the deployments that there were when it asked for its own
    probe_result: Answer | None = None
    evidence: int | None = None  # canary requests seen by the last look at a split alias
    enlisted: bool = False  # this runner has recorded the set in tags
    topped_up: int = 0  # requests that the runner itself has sent through the alias
    condemned: datetime | None = None  # since when all its looks have condemned the canary
    reasons: Mapping[str, str] = field(default_factory=dict)  # why an alarm was in ALARM when it was first seen so
    choice: Choice | None = None  # the curve of the release that it starts, where that is chosen


NOTHING = Counts(0, 0)


@dataclass(frozen=True)
class Observation:
    """One function as observed once."""

    alias: Alias
    wanted: Version
    live: Version  # the alias's main version
    shifted: Version | None = None  # the one that also has traffic
    good: Version | None = None  # what `proven.fallback` names, where Lambda still has it
    origin: Version | None = None  # what `started_from` names, likewise
    ledger: tuple[Deployment, ...] = ()  # newest first
    tags: Tags = field(default_factory=Tags)
    red: frozenset[str] = frozenset()  # of the alias's alarms, or the followed deployment's: those in ALARM
    reasons: Mapping[str, str] = field(default_factory=dict)  # CloudWatch's own words on each of those
    unfit: Mapping[str, str] = field(default_factory=dict)  # of the target's own alarms: those CodeDeploy cannot read
    stable: Counts = NOTHING  # what the two `compared` versions did
    canary: Counts = NOTHING
    before_shift: int = 0  # the canary's requests in the minutes that were over when it got all traffic
    traffic: int = 0  # invocations of the alias within the verdict's window
    older: bool = False  # the wanted commit is an ancestor of the live one
    upstream: UpstreamReleases | None = None  # releases of the upstream stack; None if they were not read
    notes: Notes = field(default_factory=Notes)

    def deployment(self, id_: str | None) -> Deployment | None:
        """Return the record of that id."""
        return next((each for each in self.ledger if each.id == id_), None)

    @property
    def followed(self) -> Deployment | None:
        return self.deployment(self.notes.following)

    @property
    def started_from(self) -> str | None:
        """The number of the version from which the followed deployment, else the last attempt, took traffic."""
        deployment = self.followed or self.last_attempt
        return deployment.entry.stable if deployment and deployment.entry else None

    @property
    def overtaken(self) -> bool:
        """True if a deployment was created after the followed one, so that the alias is no longer under that one."""
        followed = self.followed
        newer = [each for each in self.ledger if followed and each.created > followed.created]
        return any(each.rolls_back != self.notes.following for each in newer)

    @property
    def going_back(self) -> Deployment | None:
        """The deployment that is rolled back: the followed one where it ended badly, or the one that it reverts."""
        if (followed := self.followed) is None:
            return None
        return self.reverts(followed) or (followed if followed.failed else None)

    @property
    def compared(self) -> tuple[str, str]:
        """The stable version and the canary: those of the followed deployment, else what is live and what is wanted."""
        if (followed := self.followed) is None or followed.entry is None:
            return self.live.number, self.wanted.number
        return followed.entry.stable, followed.canary or self.wanted.number

    @property
    def in_flight(self) -> Deployment | None:
        return next((each for each in self.ledger if each.running), None)

    @property
    def unacknowledged(self) -> Deployment | None:
        """The deployment that this runner created without receiving the answer; it may have ended by now."""
        if (asked := self.notes.asked) is None:
            return None
        return next((each for each in self.tries(self.wanted.fingerprint) if each.id not in asked), None)

    @property
    def last_attempt(self) -> Deployment | None:
        """The newest deployment that CodeDeploy did not start by itself to roll another back."""
        return next((each for each in self.ledger if each.rolls_back is None), None)

    def reverts(self, revert: Deployment) -> Deployment | None:
        """Return the deployment that `revert`, a deployment by Strata, reverts."""
        return reverts(revert, self.ledger)

    def revert_of(self, reverted: Deployment) -> Deployment | None:
        """Return Strata's newest deployment that reverts `reverted`, however it ended."""
        return next((each for each in self.ledger if self.reverts(each) is reverted), None)

    def tries(self, fingerprint: str) -> list[Deployment]:
        """Return the deployments that released that fingerprint, newest first, without reverts to it."""
        return [
            each
            for each in self.ledger
            if each.entry and each.entry.fingerprint == fingerprint and self.reverts(each) is None
        ]

    @property
    def live_commit(self) -> str | None:
        """The commit of the live version."""
        for each in self.tries(self.live.fingerprint):
            if each.entry and not each.failed:
                return each.entry.commit
        first = self.tags.answered.mark if self.tags.answered else None
        return first.commit if isinstance(first, First) and first.fingerprint == self.live.fingerprint else None


Seen = Mapping[str, Observation]
"""Observations by function."""
