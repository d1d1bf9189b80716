"""The reports of a release: its progress, phase by phase, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum


class Phase(Enum):
    """The phase of a release. The value is shown to operators."""

    PROBE = "the first version is called before the API can reach it"
    SETTLE = "the metrics still hold an earlier try of this version"
    OTHERS = "a deployment that is not this release is in flight and is followed to its end"
    SET = "the functions that are released together wait for one another"
    NOTE = "a tag of the deployment group records what is about to happen, and why"
    START = "the verdict alarm and the deployment are created"
    QUEUE = "CodeDeploy has accepted the deployment and not begun it"
    HOOK = "a hook tries the canary before any traffic reaches it"
    CANARY = "a share of the traffic is on the canary, and CloudWatch compares it with stable"
    TOP_UP = "harmless requests go through the alias, since too few reach the canary"
    BAKE = "all traffic has shifted, and a hook holds the deployment open under the alarms"
    VERIFY = "CodeDeploy has succeeded, and the alias must be whole on the new version"
    ROLLBACK = "traffic goes back to stable"
    RETRY = "AWS did not answer and is asked again"
    RESTORE = "the runner puts the alias on what is stable and proved, since CodeDeploy has not done it"
    CLEAR = "the verdict alarms of what has ended are deleted"
    END = "the outcome is known"


class Ending(StrEnum):
    """The end of a release, in one word."""

    FIRST = "first"  # the first version answered and is live
    PROMOTED = "promoted"  # the new version has all traffic
    ROLLED_BACK = "rolled_back"  # stable has all traffic again
    UNCHANGED = "unchanged"  # what is live already has the wanted fingerprint
    REFUSED = "refused"  # nothing was started
    STARTED = "started"  # wait: false; CodeDeploy and CloudWatch go on alone

    @property
    def good(self) -> bool:
        return self not in {Ending.ROLLED_BACK, Ending.REFUSED}


@dataclass(frozen=True)
class Outcome:
    """The outcome of the release of one function. `reason` is one word, `detail` a sentence without its full stop."""

    ending: Ending
    function: str
    reason: str
    detail: str
    from_version: str | None
    to_version: str
    deployment_id: str | None = None
    traffic: str = ""  # where it is now, in words
    cause: str = ""  # the most frequent error of the canary, or of the hook that failed it

    @property
    def title(self) -> str:
        """The versions, the ending and the reason."""
        same = self.from_version in {None, self.to_version}
        versions = self.to_version if same else f"{self.from_version} -> {self.to_version}"
        return f"{versions} {self.ending.value.replace('_', ' ')} ({self.reason})"

    @property
    def text(self) -> str:
        """The outcome in one line, without the function."""
        whose = "the hook's last error" if self.reason == "hook" else "the canary's most frequent error"
        parts = [
            f"{self.title}: {self.detail}",
            f"deployment {self.deployment_id}" if self.deployment_id else "",
            self.traffic,
            f"{whose}: {self.cause}" if self.cause else "",
        ]
        return "; ".join(part for part in parts if part)

    def line(self) -> str:
        """Return the outcome in one line."""
        return f"{self.function} {self.text}"

    def with_cause(self, cause: str | None) -> Outcome:
        return replace(self, cause=cause or "")


@dataclass(frozen=True)
class Progress:
    """The report of one observation: what it found and did."""

    function: str
    phase: Phase
    text: str
    repeated: bool = False  # a further observation in the same phase
    quiet: bool = False  # one that a log leaves out: less than a minute after the last line

    def line(self) -> str:
        return f"{self.function}: {self.phase.name.lower().replace('_', ' ')}: {self.text}"
