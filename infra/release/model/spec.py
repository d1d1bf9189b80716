"""The input of a release: the targets and the policy. Frozen data without behaviour."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from infra.codedeploy import HOOK
from infra.release.model.ledger import compact
from infra.release.verdict.curves import Auto
from infra.release.verdict.rule import Rule
from infra.schema import STACK, Flag, OneOf, Section, Text, Whole, mistakes_in

RELEASE = "strata:release:Release"
"""The type of the release as a Pulumi resource."""
READ_AHEAD = "strata:release:readAhead"
"""The function of its provider by which a preview reads AWS while the program still runs."""


class ReleaseError(Exception):
    """A release cannot go on: one sentence with what is wrong and the remedy."""


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
    percent: int = 0  # of the traffic that the canary gets; 0 in a state from before targets held it
    configuration: str = ""  # JSON: what the program declares of the version, as GetFunctionConfiguration says it
    rule: Rule | None = None  # this function's own verdict; the policy's where it is None, as in the next two
    minimum_requests: int | None = None
    evidence: str = ""
    answered: bool = False  # the faults that the function answers count as errors: see infra.answered
    alarms: tuple[str, ...] = ()  # of the user's own, which stop a canary too
    adopted: bool = False  # imported from Terraform: its live version stays until Pulumi owns it
    auto: Auto | None = None  # how each release chooses its curve; `curve` and `minutes` where it knows no traffic

    def __post_init__(self) -> None:
        for hook in filter(None, (self.before_allow_traffic, self.after_allow_traffic)):
            if not hook.startswith(HOOK):
                raise ValueError(
                    f"the hook {hook!r} of {self.function} is not named {HOOK}*: CodeDeploy's own role may invoke no "
                    "other function; rename it"
                )

    def along(self, curve: str) -> "Target":
        """Return the target as it is released along that curve, if it is one that `auto` may choose."""
        found = next((each for each in (self.auto.offers if self.auto else ()) if each.name == curve), None)
        return replace(self, curve=curve, minutes=found.length, percent=found.percent) if found else self

    @property
    def verdict_alarms(self) -> str:
        """The prefix of the names of this function's verdict alarms."""
        return f"{self.function}-verdict-"

    def verdict_alarm(self, stable: str, canary: str, at: datetime) -> str:
        """Return the name of one attempt's verdict alarm. It is new for each, so an earlier one cannot make it red."""
        return f"{self.verdict_alarms}{stable}-{canary}-{compact(at)}"

    def slow_alarm(self, stable: str, canary: str, at: datetime) -> str:
        """Return the name of one attempt's alarm on slowness."""
        return f"{self.verdict_alarm(stable, canary, at)}-slow"

    def is_slow_alarm(self, name: str) -> bool:
        return name.startswith(self.verdict_alarms) and name.endswith("-slow")


EVIDENCE = ("warn", "enforce")
DEFAULT_RULE = Rule()


@dataclass(frozen=True)
class ReleasePolicy:
    """strata:release: how a release judges and waits, whatever the function.

    Raises ValueError with every value that is out of its bounds.
    """

    rule: Annotated[Rule, Section(Rule)] = DEFAULT_RULE
    # Whether `pulumi up` waits for the outcome.
    wait: Annotated[bool, Flag()] = True
    # That a deployment may stay Created or Queued.
    longest_wait_minutes: Annotated[int, Whole(1, 1440, "minutes", "a start that takes a day will not come")] = 15
    # Requests that must reach a canary, else it has proved nothing.
    minimum_requests: Annotated[
        int, Whole(0, 1_000_000, "requests", "0 asks for no evidence, and no canary is sent a million")
    ] = 20
    # What the release does with a canary that proved nothing: "warn", or "enforce" its rollback.
    evidence: Annotated[str, OneOf(*EVIDENCE, why="a canary without evidence goes on with a warning, or goes back")] = (
        "warn"
    )
    # Whether the runner sends a canary the requests that it lacks.
    top_up: Annotated[bool, Flag()] = False
    # A rejected fingerprint that may be tried once more.
    retry: Annotated[str, Text(r"[0-9a-f]{16}", "the fingerprint that a refusal names, 16 hexadecimal digits")] = ""
    # "who: why" a refusal is set aside.
    override: Annotated[
        str,
        Text(
            r"(?=.{5,100}$)[\w +\-=./@]+: [\w \-+=.:/@]+",
            'who and why, e.g. "ann: hotfix of the outage", at most 100 letters, digits, spaces and + - = . : / @',
        ),
    ] = ""
    # The stack that must have proved a version, where there is one.
    source: Annotated[str, STACK, "from"] = ""
    # How old its proof may be.
    proof_days: Annotated[int, Whole(1, 365, "days", "a proof of another year proves nothing")] = 14
    commit: str = "unknown"  # what is released, for the ledger; no key of the configuration

    def __post_init__(self) -> None:
        if mistakes := mistakes_in(self):
            raise ValueError("; ".join(mistakes))

    def of(self, target: Target) -> "ReleasePolicy":
        """Return the policy for one function: this one, but for what the target has of its own."""
        own: dict[str, Any] = {
            "rule": target.rule,
            "minimum_requests": target.minimum_requests,
            "evidence": target.evidence or None,
        }
        return replace(self, **{name: value for name, value in own.items() if value is not None})
