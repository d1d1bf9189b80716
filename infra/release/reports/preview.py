"""Show what a release would do before it does anything: for a preview and `python -m infra.release plan`. Pure.

It calls the same decision as the release, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from infra.release.decision import curve
from infra.release.decision.evidence import LAST_POLL
from infra.release.decision.next_action import decide
from infra.release.model.actions import Action, Finish, Follow, PointAlias, Probe, Start, Wait, WriteTag
from infra.release.model.fingerprint import changes
from infra.release.model.observation import Observation, Seen
from infra.release.model.outcome import Ending
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import First
from infra.release.verdict.rule import LIKELIHOOD, TWO_PROPORTIONS, Rule

PLAN_FILE = "STRATA_PLAN_FILE"
"""The variable that names a file for the previews as JSON: Pulumi gives a caller no access to what is planned."""
UNKNOWN = "what only `pulumi up` will know"


@dataclass(frozen=True)
class ReleasePreview:
    """The preview of one function's release. `would`: release, change nothing, go first, refuse, wait or repair."""

    function: str
    would: str
    why: str
    live: str = ""  # its number; empty where nothing is live
    next: str = ""  # its number; empty where it is not published yet
    digest: str = ""  # of the next version's code
    changes: tuple[str, ...] = ()  # "code", and keys of the configuration
    curve: str = ""
    minutes: int = 0
    choice: str = ""  # why this curve; empty where it is configured
    bounds: str = ""
    evidence: str = ""
    hooks: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the whole preview in one line."""
        digest = f" (digest {self.digest[:12]}...)" if self.digest else ""
        version = self.next or f"the next version{digest}"
        move = f"{self.live or 'nothing'} -> {version}"
        if self.would not in {"release", "wait"}:
            return f"{self.function}: would {self.would}: {move if self.changes else self.live}: {self.why}"
        changed = ", ".join(self.changes) or "nothing that is published"
        parts = [
            f"{self.function}: would {self.would}: {move}; changed: {changed}",
            f"along {self.curve}, judged over {self.minutes} minutes",
            f"curve chosen: {self.choice}" if self.choice else "",
            self.bounds,
            self.evidence,
            f"hooks: {', '.join(self.hooks)}" if self.hooks else "no hooks",
            self.why,
        ]
        return "; ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON; `choice` only where the curve is chosen."""
        fields = {**asdict(self), "changes": list(self.changes), "hooks": list(self.hooks)}
        return fields if self.choice else {name: value for name, value in fields.items() if name != "choice"}


def forecast(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> list[ReleasePreview]:
    """Return the preview of each function, in order. A target whose `version` is empty is not published yet."""
    actions = decide(wanted, seen, policy, now)
    return [_of(target, seen[target.function], policy.of(target), actions[target.function]) for target in wanted]


def first(target: Target) -> ReleasePreview:
    """Return the preview of a function that has no alias yet."""
    return ReleasePreview(
        target.function, "go first", "it is called before the API may reach it, and then has all traffic"
    )


def _of(target: Target, seen: Observation, policy: ReleasePolicy, action: Action) -> ReleasePreview:
    would, why = _would(action)
    target, choice = curve.along(target, seen), seen.notes.choice
    return ReleasePreview(
        function=target.function,
        would=would,
        why=why,
        live=seen.live.number,
        next=seen.wanted.number,
        digest=seen.wanted.digest,
        changes=tuple(changes(seen.live, seen.wanted)) if seen.wanted.published else (UNKNOWN,),
        curve=target.curve,
        minutes=target.minutes,
        choice=choice.why if choice else "",
        bounds=bounds(policy.rule),
        evidence=_evidence(policy),
        hooks=tuple(filter(None, (target.before_allow_traffic, target.after_allow_traffic))),
    )


def _would(action: Action) -> tuple[str, str]:
    would, why = "repair", "an earlier release is brought to its end first"
    match action:
        case Finish(outcome):
            refused = outcome.ending is Ending.REFUSED
            would, why = "refuse" if refused else "change nothing", f"{outcome.detail} ({outcome.reason})"
        case Start():
            would, why = "release", "all traffic at once, for one alias cannot hold both" if action.all_at_once else ""
        case WriteTag(First(adopted=True)):
            would, why = "change nothing", f"{action.why}, so its live version is noted (adopted)"
        case WriteTag():
            would, why = "release", action.why
        case Probe():
            would, why = "go first", "it is called before the API may reach it"
        case Follow():
            would, why = "wait", f"{action.deployment} is this release, already in flight"
        case Wait() | PointAlias():
            would, why = "wait" if isinstance(action, Wait) else "repair", action.why
    return would, why


STATISTICS = {LIKELIHOOD: "the likelihood ratio", TWO_PROPORTIONS: "the two-proportion test"}


def bounds(rule: Rule) -> str:
    """Return the verdict's rule in words."""
    slow = ""
    if rule.slow_milliseconds:
        share = f"its share of requests over {rule.slow_milliseconds} ms"
        slow = f"; or when {share} is more than {rule.z:g} standard errors above stable's"
    forgiven = f", not counting its first {rule.forgiven}" if rule.forgiven else ""
    return (
        f"rolls back when the canary's error rate is more than {rule.z:g} standard errors above stable's by "
        f"{STATISTICS[rule.statistic]}, from {rule.minimum_errors} canary errors on{forgiven}, or more than "
        f"{rule.absolute * 100:g} percentage points, from {rule.absolute_minimum} on{slow}"
    )


def _evidence(policy: ReleasePolicy) -> str:
    if not policy.minimum_requests:
        return ""
    few = f"if the canary has had fewer than {policy.minimum_requests} requests"
    if policy.evidence == "warn":
        return f"warns {few} before the shift"
    return f"rolls back {LAST_POLL.seconds} s before the shift {few}"
