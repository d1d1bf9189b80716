"""What to do next: `decide(wanted, seen, policy, now)`, pure.

There is no state but what `Observation` holds, nearly all of it read back from AWS. So a runner that died resumes by
looking again, and a CreateDeployment whose answer was lost is found in flight by its fingerprint. One look leads to one
small action, after which the runner looks again:

    nothing in flight    _begin   unchanged, first, refused, repaired; or the metrics settle and a deployment starts
    something in flight  _join    this very release is adopted; any other is followed to its end
    ours is followed     _follow  through queue and canary to promoted, or back until stable is whole
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.release.model import (
    Action,
    Deployment,
    Ending,
    Finish,
    Follow,
    Observation,
    Outcome,
    Phase,
    PointAlias,
    Probe,
    RecordFirst,
    ReleasePolicy,
    Start,
    Status,
    Stop,
    Target,
    Version,
    Wait,
)
from infra.release.verdict import Counts, judge

GRACE = timedelta(minutes=1)
"""How long CodeDeploy may take to show in the alias, or in a rollback of its own, what a deployment's end implies."""


def decide(
    wanted: Sequence[Target], seen: Mapping[str, Observation], policy: ReleasePolicy, now: datetime
) -> dict[str, Action]:
    """The next action for each function of the set, by its name. Functions are decided each by itself."""
    return {target.function: _next(_Case(target, seen[target.function], policy, now)) for target in wanted}


def retire(
    wanted: Sequence[Target], seen: Mapping[str, Observation], policy: ReleasePolicy, now: datetime
) -> dict[str, Action]:
    """As `decide`, for a release that is deleted: a canary in flight goes back, and nothing new starts."""
    return {target.function: _retire(_Case(target, seen[target.function], policy, now)) for target in wanted}


def watch(
    wanted: Sequence[Target], seen: Mapping[str, Observation], policy: ReleasePolicy, now: datetime
) -> dict[str, Action]:
    """As `decide`, for one who only watches: what is in flight is followed, and nothing new starts."""
    return {target.function: _watch(_Case(target, seen[target.function], policy, now)) for target in wanted}


@dataclass(frozen=True)
class _Case:
    """One function, all that is known of it, and the words for it."""

    target: Target
    seen: Observation
    policy: ReleasePolicy
    now: datetime

    def within_grace(self, deployment: Deployment) -> bool:
        return self.now - (deployment.ended or deployment.created) < GRACE

    def overdue(self, deployment: Deployment) -> bool:
        return self.now - deployment.created > timedelta(minutes=self.policy.longest_wait_minutes)

    @property
    def longest_wait(self) -> str:
        return f"after the longest wait of {self.policy.longest_wait_minutes} minutes"

    @property
    def rates(self) -> str:
        stable, canary = self.seen.compared
        return f"canary {canary}: {_rate(self.seen.canary)}, stable {stable}: {_rate(self.seen.stable)}"

    @property
    def z(self) -> str:
        rule = self.policy.rule
        return f"z {judge(self.seen.stable, self.seen.canary, rule).z:.2f} of {rule.z:g}"

    def wait(self, phase: Phase, why: str) -> Wait:
        return Wait(phase, f"{why}; alias on {self.seen.alias}")

    def finish(self, ending: Ending, reason: str, detail: str) -> Finish:
        stable, canary = self.seen.compared
        alias, live = self.seen.alias, self.seen.live.number
        outcome = Outcome(
            ending=ending,
            function=self.target.function,
            reason=reason,
            detail=detail,
            from_version=None if ending is Ending.FIRST else stable,
            to_version=live if ending in {Ending.UNCHANGED, Ending.PROMOTED} else canary,
            deployment_id=self.seen.notes.following,
            traffic=f"all traffic is on {alias}" if alias.shifted is None else f"traffic is on {alias}",
        )
        return Finish(outcome)


def _rate(counts: Counts) -> str:
    return f"{counts.errors} errors in {counts.invocations} requests ({counts.error_rate:.2%})"


def _next(case: _Case) -> Action:
    if case.seen.followed is not None:
        return _follow(case, case.seen.followed)
    if case.seen.in_flight is not None:
        return _join(case, case.seen.in_flight)
    return _begin(case)


def _watch(case: _Case) -> Action:
    running = case.seen.in_flight
    if case.seen.followed is not None:
        return _follow(case, case.seen.followed)
    if running is None:
        return case.finish(Ending.UNCHANGED, "idle", "nothing is in flight")
    return Follow(running.id) if running.entry is not None else _others(case, running)


def _retire(case: _Case) -> Action:
    running = case.seen.in_flight
    if running is not None and running.rolls_back is None:
        return Stop(running.id, f"the release is deleted, so {running.id} goes back")
    if running is not None and not case.overdue(running):
        return case.wait(Phase.ROLLBACK, f"{running.id} brings traffic back")
    return _repair(case) or case.finish(Ending.UNCHANGED, "retired", "no canary is in flight")


# Something is in flight.


def _join(case: _Case, running: Deployment) -> Action:
    ours = running.entry is not None and running.entry.fingerprint == case.seen.wanted.fingerprint
    return Follow(running.id) if ours else _others(case, running)


def _others(case: _Case, running: Deployment) -> Wait:
    what = f"rolls {running.rolls_back} back" if running.rolls_back else f"is {running.status.value}"
    return case.wait(Phase.OTHERS, f"{running.id} {what}")


# Nothing is in flight.


def _begin(case: _Case) -> Action:
    seen, target = case.seen, case.target
    if (repair := _repair(case)) is not None:
        return repair
    if seen.alias.shifted is not None:
        remedy = (
            f"aws lambda update-alias --function-name {target.function} --name {target.alias} "
            f"--function-version {seen.alias.version} --routing-config AdditionalVersionWeights={{}}"
        )
        detail = (
            f"alias {target.alias} is on {seen.alias}, which no deployment of this release explains; "
            f"put it whole on the version that should be live: {remedy}"
        )
        return case.finish(Ending.REFUSED, "split", detail)
    if not seen.ledger and not seen.answered:
        return _first(case)
    if seen.live.fingerprint == seen.wanted.fingerprint:
        return _reached(case)
    return _start(case)


def _repair(case: _Case) -> Action | None:
    """Take traffic off a version whose deployment failed, where the ledger shows that nobody has yet."""
    seen, last = case.seen, case.seen.last_attempt
    if last is None or last.entry is None or last.status not in {Status.FAILED, Status.STOPPED}:
        return None
    serving = {each.fingerprint for each in (seen.live, seen.shifted) if each is not None}
    if last.entry.fingerprint not in serving:
        return None
    if case.within_grace(last):
        return case.wait(Phase.ROLLBACK, f"{last.id} is {last.status.value}")
    return PointAlias(last.entry.stable, f"{last.id} is {last.status.value} and left the alias on {seen.alias}")


def _first(case: _Case) -> Action:
    seen, answer = case.seen, case.seen.notes.answer
    if answer is None or answer.version != seen.wanted.number:
        return Probe(seen.wanted.number)
    if answer.error is not None:
        detail = (
            f"the first version failed the call that it must answer before the API may reach it: {answer.error}; "
            "repair the function and run again"
        )
        return case.finish(Ending.REFUSED, "probe", detail)
    if seen.live.fingerprint == seen.wanted.fingerprint:
        return RecordFirst(seen.wanted)
    if seen.traffic == 0:  # an earlier first version failed its probe, so nobody was ever sent to it
        return PointAlias(seen.wanted.number, f"{seen.alias.version} never answered, and nobody calls the alias")
    return _start(case)


def _reached(case: _Case) -> Action:
    seen, live = case.seen, case.seen.live
    if not seen.ledger and seen.notes.answer is not None:
        return case.finish(Ending.FIRST, "answered", f"{live.number} answered its first call")
    promoted = [each.id for each in _tries(seen, live) if each.status is Status.SUCCEEDED]
    by = f", promoted by {promoted[0]}" if promoted else ""
    return case.finish(
        Ending.UNCHANGED, "fingerprint", f"live version {live.number} has this code and configuration{by}"
    )


def _tries(seen: Observation, version: Version) -> list[Deployment]:
    """The deployments of what that version holds, newest first."""
    return [each for each in seen.ledger if each.entry and each.entry.fingerprint == version.fingerprint]


def _start(case: _Case) -> Action:
    """Start once the verdict's window holds nothing of an earlier try: one code has one version, hence its metrics."""
    seen, wanted = case.seen, case.seen.wanted
    window = timedelta(minutes=case.target.minutes + 1)  # a minute of metrics may straddle the window's edge
    tries = _tries(seen, wanted)
    until = max(((each.ended or each.created) + window for each in tries), default=case.now)
    if until > case.now:
        left = (until - case.now).total_seconds()
        return Wait(Phase.SETTLE, f"{tries[0].id} tried {wanted.number}; its metrics leave the window in {left:.0f} s")
    if (calls := seen.canary.invocations) > 0:
        return Wait(Phase.SETTLE, f"{wanted.number} had {calls} calls that are still in the verdict's window")
    return Start(seen.live.number, wanted)


# A deployment is followed.


def _follow(case: _Case, followed: Deployment) -> Action:
    match followed.status:
        case Status.SUCCEEDED:
            return _verify(case, followed)
        case Status.FAILED | Status.STOPPED:
            return _way_back(case, followed)
    if not case.policy.wait:
        detail = "CodeDeploy shifts the traffic and CloudWatch judges; follow it by `python -m infra.release watch`"
        return case.finish(Ending.STARTED, "started", detail)
    if followed.status.begun:
        return Wait(Phase.CANARY, f"alias on {case.seen.alias}; {case.rates}; {case.z}")
    if case.overdue(followed):
        return Stop(followed.id, f"{followed.id} is still {followed.status.value} {case.longest_wait}")
    return case.wait(Phase.QUEUE, f"{followed.id} is {followed.status.value}")


def _verify(case: _Case, followed: Deployment) -> Action:
    seen = case.seen
    if seen.alias.shifted is None and seen.live.fingerprint == seen.wanted.fingerprint:
        return case.finish(Ending.PROMOTED, "verdict", f"{case.rates}, and no alarm fired")
    if case.within_grace(followed):
        return case.wait(Phase.VERIFY, f"{followed.id} has succeeded")
    detail = "CodeDeploy shifted all traffic, but somebody has moved the alias since; run again to release over it"
    return case.finish(Ending.ROLLED_BACK, "operator", detail)


def _way_back(case: _Case, followed: Deployment) -> Action:
    """Until the alias is whole on the recorded stable version: by CodeDeploy, and by the runner where that fails."""
    stable, _ = case.seen.compared
    rollback = case.seen.deployment(followed.rollback)
    if rollback is not None and not rollback.status.ended and not case.overdue(rollback):
        return case.wait(Phase.ROLLBACK, f"{rollback.id} rolls {followed.id} back")
    if case.seen.alias.is_whole_on(stable):
        return case.finish(Ending.ROLLED_BACK, *_blame(case, followed))
    if rollback is None and case.within_grace(followed):
        return case.wait(Phase.ROLLBACK, f"{followed.id} is {followed.status.value}")
    failed = f"{rollback.id} is {rollback.status.value}" if rollback else "CodeDeploy started no rollback"
    return PointAlias(stable, f"{failed}, and the alias is on {case.seen.alias}")


def _blame(case: _Case, followed: Deployment) -> tuple[str, str]:
    """The reason and the detail of a deployment that ended badly, by CodeDeploy's error code.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ErrorInformation.html
    """
    said = f"{followed.error}: {followed.message}".strip(": ")
    if followed.error == "ALARM_ACTIVE":
        # The errors may have left the window since, which turns their alarm green; CodeDeploy's words remain.
        fired = [name for name in followed.alarms if name in case.seen.red or name in followed.message]
        verdict = [name for name in fired or followed.alarms if name.startswith(case.target.verdict_alarms)]
        return (
            "verdict" if verdict else "fault",
            f"alarm {' and '.join(verdict or fired or followed.alarms)} fired; {case.rates}",
        )
    if followed.error.startswith("HOOK_"):
        return "hook", said
    if followed.error not in {"", "MANUAL_STOP"}:
        return "fault", said
    if followed.started is None:
        return "fault", f"it had not begun {case.longest_wait} and was stopped; see CodeDeploy's quotas and events"
    return "operator", f"it was stopped by hand; {case.rates}"
