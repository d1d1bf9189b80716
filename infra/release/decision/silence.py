"""Judge a canary by the runner's own counts, with the alarm's rule, where the alarm is silent. Pure.

CloudWatch judges every canary, watched or not. But an alarm can be late, deleted or not evaluated; a runner would then
promote what the counts that it prints condemn. So the runner waits for the alarm, then stops the deployment itself, or
reverts a version that has all traffic already. It reads no latency: only the alarm judges slowness.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from infra.release.decision.context import ReleaseContext
from infra.release.model.observation import Deployment, Observation
from infra.release.model.tags import Tags
from infra.release.verdict.judge import judge
from infra.release.verdict.rule import Rule

CHANCE = timedelta(minutes=2)
"""Time that the alarm gets. CloudWatch evaluates an alarm with a period of a minute or longer every minute: an
evaluation under way may miss the counts, the next begins within a minute, and CodeDeploy has another to act on it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""


def since(seen: Observation, rule: Rule, now: datetime) -> datetime | None:
    """Since when every observation of this runner has condemned the followed canary; None if the last one did not."""
    followed = seen.followed
    if followed is None or followed.entry is None or seen.reverts(followed) is not None:
        return None
    return (seen.notes.condemned or now) if judge(seen.stable, seen.canary, rule).fired else None


def broken(context: ReleaseContext, followed: Deployment) -> str | None:
    """Return why the runner stops a deployment; None if nothing condemns it or its alarm may still fire."""
    condemned = context.seen.notes.condemned
    if condemned is None or context.now - condemned < CHANCE or _red(context, followed):
        return None
    return f"the alarm was silent: {_said(context)}"


def condemned(context: ReleaseContext, followed: Deployment) -> tuple[str, str] | None:
    """Return the reason and the detail for which a version that has all traffic must be reverted; None if no count
    condemns it."""
    if since(context.seen, context.policy.rule, context.now) is None:
        return None
    alarm = "the alarm fired too late" if _red(context, followed) else "the alarm was silent"
    return "verdict", f"{alarm}: {_said(context)}"


def resolved(tags: Tags, deployment: Deployment) -> tuple[str, str] | None:
    """Return the reason and the detail for which a runner has decided, by counts, to stop or revert a deployment; None
    if none has. Such a decision stands once a tag records it, though the shift came first."""
    stop = tags.stop(deployment.id)
    return (stop.kind, stop.why) if stop is not None and stop.kind in {"verdict", "evidence"} else None


def _red(context: ReleaseContext, followed: Deployment) -> bool:
    """True if a verdict alarm has fired."""
    return any(name in context.seen.red for name in followed.alarms if name.startswith(context.target.verdict_alarms))


def _said(context: ReleaseContext) -> str:
    """Return the counts and the bound in one sentence, short and in characters that a tag's value takes."""
    rule, (stable, canary) = context.policy.rule, context.seen.compared
    verdict = judge(context.seen.stable, context.seen.canary, rule)
    bound = f"z {verdict.z:.2f} of {rule.z:g}"
    if not verdict.relative:
        points = (verdict.canary.error_rate - verdict.stable.error_rate) * 100
        bound = f"{points:.1f} percentage points above stable of {rule.absolute * 100:g}"
    return (
        f"canary {canary} has {verdict.canary.errors} errors in {verdict.canary.invocations} requests and "
        f"stable {stable} has {verdict.stable.errors} in {verdict.stable.invocations}: {bound}"
    )
