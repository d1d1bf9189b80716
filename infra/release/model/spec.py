"""What a release is asked for: the targets and the policy. Frozen data without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from infra.release.model.ledger import compact
from infra.release.verdict.rule import Rule

RELEASE = "strata:release:Release"
"""The type of the release as a Pulumi resource."""


class ReleaseError(Exception):
    """A release cannot go on: one sentence with what is wrong and the remedy."""


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
