"""What is wanted and what is seen: frozen data, without behaviour that could surprise.

A `Target` and the `ReleasePolicy` are wanted, an `Observation` is seen; `actions` holds what `plan.decide` makes of
them, and `outcome` how it ends. Times are aware datetimes of the runner's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from infra.release.attempt import Elsewhere
from infra.release.ledger import Entry, compact
from infra.release.rule import Rule
from infra.release.tags import First, Tags
from infra.release.verdict import Counts


class ReleaseError(Exception):
    """A release cannot go on: one sentence with what is wrong and the remedy."""


# What is wanted

HOOK = "CodeDeployHook_"
"""What the name of a hook begins with.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""


@dataclass(frozen=True)
class Target:
    """One function to release, and by which means."""

    function: str
    alias: str
    version: str  # the wanted published version; "" in a preview, where it is not published yet
    application: str  # CodeDeploy's
    group: str  # CodeDeploy's
    curve: str  # the deployment configuration: how traffic moves
    minutes: int  # the canary's, hence the verdict's window
    alarm: str  # the long-lived alarm on the whole alias; guards beside the verdict alarm
    topic: str  # ARN of the SNS topic that a verdict alarm notifies
    log_group: str
    throttle_alarm: str = ""  # the same for throttled requests; none where empty
    before_allow_traffic: str = ""  # the hook function that CodeDeploy calls before the canary has traffic
    after_allow_traffic: str = ""  # and the one once all traffic has shifted
    probe: str = "{}"  # JSON event that a first version must answer before the API reaches it
    proof_group: str = ""  # ARN of the stack before this one's deployment group, which must have proved the version
    proof_role: str = ""  # ARN of the role by which its records are read
    configuration: str = ""  # JSON: what the program declares of the version, as GetFunctionConfiguration says it

    def __post_init__(self) -> None:
        for hook in filter(None, (self.before_allow_traffic, self.after_allow_traffic)):
            if not hook.startswith(HOOK):
                raise ValueError(
                    f"the hook {hook!r} of {self.function} is not named {HOOK}*: CodeDeploy's own role may invoke no "
                    "other function; rename it"
                )

    @property
    def verdict_alarms(self) -> str:
        """What the names of this function's verdict alarms start with."""
        return f"{self.function}-verdict-"

    def verdict_alarm(self, stable: str, canary: str, at: datetime) -> str:
        """The verdict alarm of one attempt: of its own name, so that none is ever red from an earlier one."""
        return f"{self.verdict_alarms}{stable}-{canary}-{compact(at)}"

    def slow_alarm(self, stable: str, canary: str, at: datetime) -> str:
        """The same for the verdict on slowness."""
        return f"{self.verdict_alarm(stable, canary, at)}-slow"

    def is_slow_alarm(self, name: str) -> bool:
        return name.startswith(self.verdict_alarms) and name.endswith("-slow")


EVIDENCE = ("warn", "enforce")


@dataclass(frozen=True)
class ReleasePolicy:
    """How a release judges and waits, whatever the function."""

    rule: Rule = field(default_factory=Rule)
    wait: bool = True  # whether `pulumi up` waits for the outcome
    longest_wait_minutes: int = 15  # that a deployment may stay Created or Queued
    minimum_requests: int = 20  # that must have reached a canary, or it has proved nothing
    evidence: str = "warn"  # what is done with one that proved nothing: "warn", or "enforce" that it goes back
    top_up: bool = False  # whether the runner sends a canary the requests that it lacks
    retry: str = ""  # a rejected fingerprint that may be tried once more
    override: str = ""  # "who: why" a refusal is set aside
    source: str = ""  # the stack that must have proved a version, where there is one
    proof_days: int = 14  # how old its proof may be
    commit: str = "unknown"  # what is released, for the ledger

    def __post_init__(self) -> None:
        if not 1 <= self.longest_wait_minutes <= 1440:
            raise ValueError(
                f"longest_wait_minutes is {self.longest_wait_minutes}: a deployment must be given at least a minute to "
                "begin and at most a day; give 1 to 1440"
            )
        if self.evidence not in EVIDENCE:
            raise ValueError(f"evidence is {self.evidence!r}: give one of {', '.join(EVIDENCE)}")
        if not 1 <= self.proof_days <= 365:
            raise ValueError(f"proof_days is {self.proof_days}: give 1 to 365")
        if self.minimum_requests < 0:
            raise ValueError(f"minimum_requests is {self.minimum_requests}: give 0 or more")


# What is seen


@dataclass(frozen=True)
class Version:
    """A published version. `fingerprint` and `contract` are those of infra.release.fingerprint.

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
    """Where an alias sends its traffic: `weight` (0 - 1) of it to `shifted`, the rest to `version`."""

    version: str
    shifted: str | None = None
    weight: float = 0.0
    revision: str = field(default="", compare=False)  # Lambda's, so that only what was seen is changed

    def __str__(self) -> str:
        return self.version if self.shifted is None else f"{self.version} with {self.weight:.0%} on {self.shifted}"

    def is_whole_on(self, version: str) -> bool:
        """Whether all traffic goes to `version`."""
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
    """One of CodeDeploy's records. `entry` is what our line in its description says, None where it has none."""

    id: str
    status: Status
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    entry: Entry | None = None
    error: str = ""  # CodeDeploy's code, such as ALARM_ACTIVE
    message: str = ""  # and its words
    rollback: str | None = None  # the deployment that rolls this one back
    rolls_back: str | None = None  # the deployment that this one rolls back, CodeDeploy's own way back
    alarms: tuple[str, ...] = ()  # that stop it, by name
    canary: str | None = None  # the version it shifts to; asked for only where it is followed
    shifting: datetime | None = None  # when traffic began to move; likewise

    @property
    def running(self) -> bool:
        return not self.status.ended

    @property
    def failed(self) -> bool:
        return self.status in {Status.FAILED, Status.STOPPED}


def taken_back_by(way_back: Deployment, ledger: Iterable[Deployment]) -> Deployment | None:
    """The one of `ledger`, newest first, that `way_back` takes back: it carries the moment of that one as its own."""
    entry = way_back.entry
    return next(
        (
            each
            for each in ledger
            if entry
            and each.entry
            and each.entry.at == entry.at
            and each.created < way_back.created
            and each.entry.fingerprint != entry.fingerprint
        ),
        None,
    )


@dataclass(frozen=True)
class Answer:
    """What a version said to the probe. `error` is the last line of what went wrong, None when it answered well."""

    version: str
    error: str | None


@dataclass(frozen=True)
class Notes:
    """All that a runner remembers from look to look; whatever else it knows, it reads back from AWS."""

    following: str | None = None  # the deployment whose end is this release's outcome
    asked: frozenset[str] | None = None  # the deployments that there were when it asked for its own
    answer: Answer | None = None
    evidence: int | None = None  # canary requests seen by the last look at a split alias
    enlisted: bool = False  # this runner has told of the set by tags
    topped_up: int = 0  # requests that the runner itself has sent through the alias
    condemned: datetime | None = None  # since when all its looks have condemned the canary


NOTHING = Counts(0, 0)


@dataclass(frozen=True)
class Observation:
    """One function, as one look at AWS found it."""

    alias: Alias
    wanted: Version
    live: Version  # the alias's main version
    shifted: Version | None = None  # the one that also has traffic
    good: Version | None = None  # what `proven.last` names, where Lambda still has it
    origin: Version | None = None  # what `started_from` names, likewise
    ledger: tuple[Deployment, ...] = ()  # newest first
    tags: Tags = field(default_factory=Tags)
    red: frozenset[str] = frozenset()  # of the alias's alarms, or the followed deployment's: those in ALARM
    stable: Counts = NOTHING  # what the two `compared` versions did
    canary: Counts = NOTHING
    traffic: int = 0  # invocations of the alias within the verdict's window
    older: bool = False  # the wanted commit is an ancestor of the live one
    elsewhere: Elsewhere | None = None  # what the stack before this one tells; None where nobody asked
    notes: Notes = field(default_factory=Notes)

    def deployment(self, id_: str | None) -> Deployment | None:
        """The record of that id."""
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
        """Whether another deployment was created since the followed one, so that the alias is no longer its own."""
        followed = self.followed
        newer = [each for each in self.ledger if followed and each.created > followed.created]
        return any(each.rolls_back != self.notes.following for each in newer)

    @property
    def undone(self) -> Deployment | None:
        """What goes back: the followed deployment where it has ended badly, or the one that it takes back."""
        if (followed := self.followed) is None:
            return None
        return self.taken_back_by(followed) or (followed if followed.failed else None)

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
    def unheard(self) -> Deployment | None:
        """What this runner has created without receiving the answer: it may have ended by the next look."""
        if (asked := self.notes.asked) is None:
            return None
        return next((each for each in self.tries(self.wanted.fingerprint) if each.id not in asked), None)

    @property
    def last_attempt(self) -> Deployment | None:
        """The newest deployment that CodeDeploy did not start by itself to roll another back."""
        return next((each for each in self.ledger if each.rolls_back is None), None)

    def taken_back_by(self, way_back: Deployment) -> Deployment | None:
        """The deployment that `way_back`, one of ours, takes back."""
        return taken_back_by(way_back, self.ledger)

    def way_back_of(self, forth: Deployment) -> Deployment | None:
        """The newest of ours that takes `forth` back, whatever has come of it."""
        return next((each for each in self.ledger if self.taken_back_by(each) is forth), None)

    def tries(self, fingerprint: str) -> list[Deployment]:
        """The deployments that released that fingerprint, newest first; ways back to it are not among them."""
        return [
            each
            for each in self.ledger
            if each.entry and each.entry.fingerprint == fingerprint and self.taken_back_by(each) is None
        ]

    @property
    def live_commit(self) -> str | None:
        """The commit that released what is live."""
        for each in self.tries(self.live.fingerprint):
            if each.entry and not each.failed:
                return each.entry.commit
        first = self.tags.answered.mark if self.tags.answered else None
        return first.commit if isinstance(first, First) and first.fingerprint == self.live.fingerprint else None
