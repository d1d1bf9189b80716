"""CodeDeploy's records, per account and region."""

import random
import string
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.codedeploy.appspec import AppSpec
from local.cloud.codedeploy.machine import Deployment, Stop, Turn, curve

LOCK = threading.RLock()
"""Held while records change; never while Lambda, CloudWatch, SNS or EventBridge is called."""

_LETTERS = string.ascii_uppercase + string.digits

PREDEFINED = "CodeDeployDefault."
ALL_AT_ONCE = f"{PREDEFINED}LambdaAllAtOnce"


@dataclass
class Configuration:
    """A deployment configuration: how traffic moves."""

    name: str
    routing: dict[str, Any]
    """TrafficRoutingConfig as the API shows it."""
    created: float = field(default_factory=CLOCK.now)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def turns(self) -> tuple[Turn, ...]:
        """Return the steps of its curve."""
        kind = self.routing["type"]
        if kind == "TimeBasedCanary":
            canary = self.routing["timeBasedCanary"]
            return curve(kind, canary["canaryPercentage"], canary["canaryInterval"])
        if kind == "TimeBasedLinear":
            linear = self.routing["timeBasedLinear"]
            return curve(kind, linear["linearPercentage"], linear["linearInterval"])
        return curve(kind)


@dataclass
class Group:
    """A deployment group."""

    name: str
    settings: dict[str, Any]
    """The given members of DeploymentGroupInfo."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Revision:
    """A registered revision and what became of it."""

    location: dict[str, Any]
    description: str | None
    registered: float = field(default_factory=CLOCK.now)
    first_used: float | None = None
    last_used: float | None = None
    groups: list[str] = field(default_factory=list)


@dataclass
class Application:
    """An application with its groups and revisions."""

    name: str
    groups: dict[str, Group] = field(default_factory=dict)
    revisions: list[Revision] = field(default_factory=list)
    created: float = field(default_factory=CLOCK.now)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Record:
    """A deployment: its request, and the state of its machine."""

    application: Application
    group: Group
    configuration: str
    revision: dict[str, Any]
    spec: AppSpec
    machine: Deployment
    request: dict[str, Any]
    """Members of CreateDeployment that GetDeployment shows again."""
    creator: str = "user"
    previous: dict[str, Any] | None = None
    """The revision that the group had before."""
    triggered_by: str | None = None
    """The deployment that this one rolls back."""
    rolled_back_by: str | None = None
    created: float = field(default_factory=CLOCK.now)
    id: str = field(default_factory=lambda: "d-" + "".join(random.choices(_LETTERS, k=9)))  # noqa: S311 (no secret)
    executions: dict[str, str] = field(default_factory=dict)
    """Hook execution id -> event."""
    answers: dict[str, str] = field(default_factory=dict)
    """Event -> Succeeded or Failed."""
    stop: Stop | None = None


@dataclass
class Region:
    """The records of one account in one region."""

    account: str
    name: str
    applications: dict[str, Application] = field(default_factory=dict)
    configurations: dict[str, Configuration] = field(default_factory=lambda: {c.name: c for c in _predefined()})
    deployments: dict[str, Record] = field(default_factory=dict)
    """Oldest first."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """ARN -> tags."""

    def of_group(self, group: Group) -> list[Record]:
        """Return the group's deployments, oldest first."""
        return [record for record in self.deployments.values() if record.group is group]

    def last_good(self, group: Group, spec: AppSpec) -> Record | None:
        """Return the group's last successful deployment to the same alias."""
        same = [
            record
            for record in self.of_group(group)
            if record.machine.status == "Succeeded"
            and (record.spec.function, record.spec.alias) == (spec.function, spec.alias)
        ]
        return same[-1] if same else None

    def arn(self, resource: str) -> str:
        """Return the ARN of `application:A`, `deploymentgroup:A/G` or `deploymentconfig:C`."""
        return f"arn:aws:codedeploy:{self.name}:{self.account}:{resource}"


def _predefined() -> Iterator[Configuration]:
    yield Configuration(ALL_AT_ONCE, {"type": "AllAtOnce"})
    for minutes in (5, 10, 15, 30):
        canary = {"canaryPercentage": 10, "canaryInterval": minutes}
        routing = {"type": "TimeBasedCanary", "timeBasedCanary": canary}
        yield Configuration(f"{PREDEFINED}LambdaCanary10Percent{minutes}Minutes", routing)
    for minutes in (1, 2, 3, 10):
        linear = {"linearPercentage": 10, "linearInterval": minutes}
        routing = {"type": "TimeBasedLinear", "timeBasedLinear": linear}
        plural = "" if minutes == 1 else "s"
        yield Configuration(f"{PREDEFINED}LambdaLinear10PercentEvery{minutes}Minute{plural}", routing)


REGIONS: dict[tuple[str, str], Region] = {}


def region_of(account: str, region: str) -> Region:
    """Return the records of the account in the region."""
    with LOCK:
        return REGIONS.setdefault((account, region), Region(account, region))
