"""The context of a decision about one function: what is wanted, what was observed, and the sentences that report it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from infra.release.decision import curve
from infra.release.model.actions import Action, Finish, Wait
from infra.release.model.observation import Deployment, Observation, Seen
from infra.release.model.outcome import Ending, Outcome, Phase
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.verdict.judge import Counts, judge

GRACE = timedelta(minutes=1)
"""CodeDeploy may need this long after a deployment's end to move the alias, or to start a rollback of its own."""

Decide = Callable[[Sequence[Target], Seen, ReleasePolicy, datetime], Mapping[str, Action]]
"""The next action for each function of a release, by its name, at a time."""


@dataclass(frozen=True)
class ReleaseContext:
    """One function of a release. `policy` becomes the function's own, where its target has some of it, and `target`
    gets the curve of the followed deployment, or the chosen one.

    `failed_sets`: when sets started that have failed, and the function that failed each.

    A deployment of this function that started at such a time is stopped or reverted with its set.
    """

    target: Target
    seen: Observation
    policy: ReleasePolicy
    now: datetime
    failed_sets: Mapping[datetime, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", self.policy.of(self.target))
        object.__setattr__(self, "target", curve.along(self.target, self.seen))

    def within_grace(self, deployment: Deployment) -> bool:
        return self.now - (deployment.ended or deployment.created) < GRACE

    def overdue(self, deployment: Deployment) -> bool:
        return self.now - deployment.created > timedelta(minutes=self.policy.longest_wait_minutes)

    def age(self, deployment: Deployment) -> timedelta:
        """Time since the deployment began to shift traffic; since it was created, where no other time is known."""
        return self.now - (deployment.shifting or deployment.started or deployment.created)

    def failed_with(self, deployment: Deployment) -> str | None:
        """Return the function that failed the set of this deployment; None while the set has not failed."""
        return self.failed_sets.get(deployment.entry.at) if deployment.entry else None

    def goes_with_its_set(self, deployment: Deployment) -> tuple[str, str] | None:
        """Return the reason and the detail for which it is stopped or reverted; None while the set has not failed."""
        culprit = self.failed_with(deployment)
        return ("set", f"{culprit} was not promoted and the set goes together") if culprit is not None else None

    @property
    def longest_wait(self) -> str:
        return f"after the longest wait of {self.policy.longest_wait_minutes} minutes"

    @property
    def rates(self) -> str:
        stable, canary = self.seen.compared
        return f"canary {canary}: {_rate(self.seen.canary)}, stable {stable}: {_rate(self.seen.stable)}"

    @property
    def passed(self) -> int:
        """Whole minutes of the canary that are over; none where no deployment is followed."""
        followed = self.seen.followed
        return min(int(self.age(followed) / timedelta(minutes=1)), self.target.minutes) if followed else 0

    @property
    def progress(self) -> str:
        """One line on the canary: minutes, share and errors of both versions, and the statistic beside its limit."""
        seen, minutes, rule = self.seen, self.target.minutes, self.policy.rule
        stable, canary = seen.compared
        share = seen.alias.weight if seen.alias.shifted == canary else float(seen.alias.version == canary)
        return (
            f"{self.passed}/{minutes} min · v{canary} {share:.0%}: {_errors(seen.canary)} errors · "
            f"v{stable} {1 - share:.0%}: {_errors(seen.stable)} · "
            f"z {judge(seen.stable, seen.canary, rule).z:.2f} (limit {rule.z:g})"
        )

    @property
    def z(self) -> str:
        rule = self.policy.rule
        return f"z {judge(self.seen.stable, self.seen.canary, rule).z:.2f} of {rule.z:g}"

    def wait(self, phase: Phase, why: str) -> Wait:
        return Wait(phase, f"{why}; alias on {self.seen.alias}")

    def finish(self, ending: Ending, reason: str, detail: str) -> Finish:
        stable, canary = self.seen.compared
        followed = self.seen.followed
        if followed is not None and (reverted := self.seen.reverts(followed)) is not None:
            # It need not revert to the version it started from, which may never have been proved.
            stable, canary = reverted.entry.stable if reverted.entry else canary, stable
        alias, live = self.seen.alias, self.seen.live.number
        outcome = Outcome(
            ending=ending,
            function=self.target.function,
            reason=reason,
            detail="; ".join(filter(None, (detail, curve.said(self.seen)))),
            from_version=None if ending is Ending.FIRST else stable,
            to_version=live if ending in {Ending.UNCHANGED, Ending.PROMOTED} else canary,
            deployment_id=self.seen.notes.following,
            traffic=f"all traffic is on {alias}" if alias.shifted is None else f"traffic is on {alias}",
        )
        return Finish(outcome)


def _errors(counts: Counts) -> str:
    return f"{counts.errors}/{counts.invocations}"


def _rate(counts: Counts) -> str:
    return f"{counts.errors} errors in {counts.invocations} requests ({counts.error_rate:.2%})"
