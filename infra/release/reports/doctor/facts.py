"""Facts of an examination, of the account and of each function, and the findings made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from infra.release.model.observation import Alias, Deployment, Version
from infra.release.model.spec import Target
from infra.release.model.tags import Tags

UP = "`pulumi up --refresh` puts it back"
"""The command that restores what was changed or deleted by hand: without a refresh `pulumi up` trusts its state."""


class Grade(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"  # a release works, but less well than one would think
    BAD = "bad"  # a release fails, or is refused, or cannot be judged


@dataclass(frozen=True)
class Finding:
    """One examined thing. `remedy` is empty where there is nothing to do; `drift`: it was changed outside of Strata."""

    grade: Grade
    about: str
    said: str
    remedy: str = ""
    drift: bool = False


@dataclass(frozen=True)
class Metric:
    """A metric's identity in CloudWatch."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in sorted(self.dimensions))
        return f"{self.namespace} {self.name} ({named})"


@dataclass(frozen=True)
class Alarm:
    """acts: whether its actions are enabled. state: OK, ALARM or INSUFFICIENT_DATA."""

    name: str
    acts: bool
    actions: tuple[str, ...]
    state: str
    metrics: frozenset[Metric]


@dataclass(frozen=True)
class Hook:
    """A hook's function. timeout: seconds. answers: whether its role may answer CodeDeploy; None: not known."""

    name: str
    timeout: int
    variables: Mapping[str, str]
    answers: bool | None = None


@dataclass(frozen=True)
class Group:
    """A deployment group, with the ARN of its service role.

    events: those that roll back; none where the rollback is disabled. alarms: none where they are disabled. blind: it
    goes on where the state of an alarm cannot be read.
    """

    events: frozenset[str]
    alarms: frozenset[str]
    blind: bool
    role: str


@dataclass(frozen=True)
class Examined:
    """One function. None: it does not exist. `unavailable_reason`: the fields that are not known, and why."""

    target: Target
    now: datetime
    alias: Alias | None = None
    live: Version | None = None
    ledger: tuple[Deployment, ...] = ()  # newest first
    tags: Tags = field(default_factory=Tags)
    group: Group | None = None
    trusted: bool | None = None  # whether CodeDeploy may take the group's role; None: there is no such role
    curve: int | None = None  # minutes of the canary
    alarms: Mapping[str, Alarm] = field(default_factory=dict)  # those of the release and of the last attempt that exist
    unfit: Mapping[str, str] = field(default_factory=dict)  # of the target's own: why CodeDeploy cannot read each
    verdicts: int = 0  # verdict alarms altogether
    leftover: tuple[str, ...] = ()  # those that nothing needs any more
    reported: frozenset[Metric] = frozenset()  # metrics that had data within two weeks
    hooks: Mapping[str, Hook | None] = field(default_factory=dict)
    unavailable_reason: Mapping[str, str] = field(default_factory=dict)

    def knows(self, *fields: str) -> bool:
        """True if AWS has answered for all of these fields."""
        return not self.unavailable_reason.keys() & set(fields)


@dataclass(frozen=True)
class Storage:
    """Lambda's quotas of the account: bytes of code, and executions at once."""

    used: int
    limit: int
    unreserved: int
    concurrency: int


@dataclass(frozen=True)
class Account:
    """The caller, and what is the same for all functions.

    skew: this machine's clock less AWS's. allowed: by action, whether the caller may, as IAM simulates it; empty for
    the root user, who may everything. shallow: whether the clone lacks commits; None if there is none. git: why git
    does not say, in its own words.
    """

    wanted: str  # the release's account
    account: str = ""
    caller: str = ""  # an ARN
    skew: timedelta | None = None
    storage: Storage | None = None
    allowed: Mapping[str, bool] = field(default_factory=dict)
    shallow: bool | None = None
    git: str = ""
    unavailable_reason: Mapping[str, str] = field(default_factory=dict)
