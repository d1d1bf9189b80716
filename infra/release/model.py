"""What a release is made of: frozen data, without behaviour that could surprise.

A `Target` is wanted, an `Observation` is seen, an `Action` is what `plan.decide` makes of both, `Progress` is told on
the way and an `Outcome` ends it. Times are aware datetimes of the runner's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum

from infra.release.ledger import Entry, compact
from infra.release.rule import Rule
from infra.release.verdict import Counts


class ReleaseError(Exception):
    """A release cannot go on: one sentence with what is wrong and the remedy."""


# What is wanted


@dataclass(frozen=True)
class Target:
    """One function to release, and by which means."""

    function: str
    alias: str
    version: str  # the wanted published version
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

    @property
    def verdict_alarms(self) -> str:
        """What the names of this function's verdict alarms start with."""
        return f"{self.function}-verdict-"

    def verdict_alarm(self, stable: str, canary: str, at: datetime) -> str:
        """The verdict alarm of one attempt: of its own name, so that none is ever red from an earlier one."""
        return f"{self.verdict_alarms}{stable}-{canary}-{compact(at)}"


@dataclass(frozen=True)
class ReleasePolicy:
    """How a release judges and waits, whatever the function."""

    rule: Rule = field(default_factory=Rule)
    wait: bool = True  # whether `pulumi up` waits for the outcome
    longest_wait_minutes: int = 15  # that a deployment may stay Created or Queued
    commit: str = "unknown"  # what is released, for the ledger

    def __post_init__(self) -> None:
        if not 1 <= self.longest_wait_minutes <= 1440:
            raise ValueError(
                f"longest_wait_minutes is {self.longest_wait_minutes}: a deployment must be given at least a minute to "
                "begin and at most a day; give 1 to 1440"
            )


# What is seen


@dataclass(frozen=True)
class Version:
    """A published version. `fingerprint` and `contract` are those of infra.release.fingerprint."""

    number: str
    fingerprint: str
    digest: str
    contract: str


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
    rolls_back: str | None = None  # the deployment that this one rolls back
    alarms: tuple[str, ...] = ()  # that stop it, by name
    canary: str | None = None  # the version it shifts to; asked for only where it is followed


@dataclass(frozen=True)
class Answer:
    """What a version said to the probe. `error` is the last line of what went wrong, None when it answered well."""

    version: str
    error: str | None


@dataclass(frozen=True)
class Notes:
    """All that a runner remembers from look to look; whatever else it knows, it reads back from AWS."""

    following: str | None = None  # the deployment whose end is this release's outcome
    answer: Answer | None = None


NOTHING = Counts(0, 0)


@dataclass(frozen=True)
class Observation:
    """One function, as one look at AWS found it."""

    alias: Alias
    wanted: Version
    live: Version  # the alias's main version
    shifted: Version | None = None  # the one that also has traffic
    ledger: tuple[Deployment, ...] = ()  # newest first
    answered: bool = False  # the group's tag says that a first version answered
    red: frozenset[str] = frozenset()  # the alarms of the followed deployment that are in ALARM
    stable: Counts = NOTHING  # what the two `compared` versions did
    canary: Counts = NOTHING
    traffic: int = 0  # invocations of the alias within the verdict's window
    notes: Notes = field(default_factory=Notes)

    def deployment(self, id_: str | None) -> Deployment | None:
        """The record of that id."""
        return next((each for each in self.ledger if each.id == id_), None)

    @property
    def followed(self) -> Deployment | None:
        return self.deployment(self.notes.following)

    @property
    def compared(self) -> tuple[str, str]:
        """The stable version and the canary: those of the followed deployment, else what is live and what is wanted."""
        if (followed := self.followed) is None or followed.entry is None:
            return self.live.number, self.wanted.number
        return followed.entry.stable, followed.canary or self.wanted.number

    @property
    def in_flight(self) -> Deployment | None:
        return next((each for each in self.ledger if not each.status.ended), None)

    @property
    def last_attempt(self) -> Deployment | None:
        """The newest deployment that is not itself a way back."""
        return next((each for each in self.ledger if each.rolls_back is None), None)


# What is done


class Phase(Enum):
    """Where a release is. The value says it to a person."""

    PROBE = "the first version is called before the API can reach it"
    SETTLE = "the metrics still hold an earlier try of this version"
    OTHERS = "a deployment that is not this release is in flight and is followed to its end"
    START = "the verdict alarm and the deployment are created"
    QUEUE = "CodeDeploy has accepted the deployment and not begun it"
    CANARY = "a share of the traffic is on the canary, and CloudWatch compares it with stable"
    VERIFY = "CodeDeploy has succeeded, and the alias must be whole on the new version"
    ROLLBACK = "traffic goes back to stable"
    RETRY = "AWS did not answer and is asked again"
    RESTORE = "the alias is put back on stable by the runner, since CodeDeploy has not done it"
    END = "the outcome is known"


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
class RecordFirst:
    """Write into the group's tag that this first version answered."""

    version: Version
    phase: Phase = Phase.PROBE


@dataclass(frozen=True)
class Start:
    """Create the verdict alarm afresh, then the deployment from `stable` to `canary`."""

    stable: str
    canary: Version
    phase: Phase = Phase.START


@dataclass(frozen=True)
class Follow:
    """Adopt a deployment that is this very release: its end will be the outcome."""

    deployment: str
    phase: Phase = Phase.START


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


Action = Wait | Probe | RecordFirst | Start | Follow | Stop | PointAlias | Finish


# What is told


class Ending(StrEnum):
    """How a release ended."""

    FIRST = "first"  # the first version answered and is live
    PROMOTED = "promoted"  # the new version has all traffic
    ROLLED_BACK = "rolled_back"  # stable has all traffic again
    UNCHANGED = "unchanged"  # what is live already has the wanted fingerprint
    REFUSED = "refused"  # nothing was started
    STARTED = "started"  # nobody waits: CodeDeploy and CloudWatch go on alone

    @property
    def good(self) -> bool:
        return self not in {Ending.ROLLED_BACK, Ending.REFUSED}


@dataclass(frozen=True)
class Outcome:
    """How the release of one function ended. `reason` is one word, `detail` a sentence without its full stop."""

    ending: Ending
    function: str
    reason: str
    detail: str
    from_version: str | None
    to_version: str
    deployment_id: str | None = None
    traffic: str = ""  # where it is now, in words
    cause: str = ""  # the canary's most frequent error

    @property
    def title(self) -> str:
        """The versions, the ending and the reason."""
        same = self.from_version in {None, self.to_version}
        versions = self.to_version if same else f"{self.from_version} -> {self.to_version}"
        return f"{versions} {self.ending.value.replace('_', ' ')} ({self.reason})"

    @property
    def text(self) -> str:
        """All of it in one line, but for the function."""
        parts = [
            f"{self.title}: {self.detail}",
            f"deployment {self.deployment_id}" if self.deployment_id else "",
            self.traffic,
            f"the canary's most frequent error: {self.cause}" if self.cause else "",
        ]
        return "; ".join(part for part in parts if part)

    def line(self) -> str:
        """All of it in one line, for a person."""
        return f"{self.function} {self.text}"

    def with_cause(self, cause: str | None) -> Outcome:
        return replace(self, cause=cause or "")


@dataclass(frozen=True)
class Progress:
    """What one look found and did, for a person."""

    function: str
    phase: Phase
    text: str
    repeated: bool = False  # a further look in the same phase

    def line(self) -> str:
        return f"{self.function}: {self.phase.name.lower()}: {self.text}"
