"""What the runner's own counts say of a canary: the alarm's rule, asked a second time. Pure.

CloudWatch is the judge, and acts where nobody watches. But an alarm can be late, deleted or not evaluated, and then two
judges of one rule would disagree in silence: a runner would promote what the counts that it prints condemn. So it
gives the alarm its chance and stops the deployment, or takes back what has all traffic already. Of slowness it reads
nothing, so that is for its alarm alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from infra.release.decision.context import ReleaseContext
from infra.release.model.observation import Deployment, Observation
from infra.release.model.tags import Tags
from infra.release.verdict.judge import judge
from infra.release.verdict.rule import Rule

CHANCE = timedelta(minutes=2)
"""That an alarm gets. CloudWatch evaluates one of a period of a minute or longer every minute: an evaluation that has
begun already may miss the counts, the next begins within a minute, and CodeDeploy has another to act on it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""


def since(seen: Observation, rule: Rule, now: datetime) -> datetime | None:
    """Since when all looks of this runner have condemned the followed canary; None where this one does not."""
    followed = seen.followed
    if followed is None or followed.entry is None or seen.reverts(followed) is not None:
        return None
    return (seen.notes.condemned or now) if judge(seen.stable, seen.canary, rule).fired else None


def broken(context: ReleaseContext, followed: Deployment) -> str | None:
    """Why a deployment that the alarm has let pass is stopped; None where nothing condemns it, or the alarm may yet."""
    condemned = context.seen.notes.condemned
    if condemned is None or context.now - condemned < CHANCE or _red(context, followed):
        return None
    return f"the alarm was silent: {_said(context)}"


def condemned(context: ReleaseContext, followed: Deployment) -> str | None:
    """Why a version that has all traffic goes back; None where nothing condemns it.

    What a runner has once resolved stands, though the shift came first: it is noted in a tag.
    """
    if (why := resolved(context.seen.tags, followed)) is not None:
        return why
    if since(context.seen, context.policy.rule, context.now) is None:
        return None
    alarm = "the alarm fired too late" if _red(context, followed) else "the alarm was silent"
    return f"{alarm}: {_said(context)}"


def resolved(tags: Tags, deployment: Deployment) -> str | None:
    """Why a runner has resolved that a deployment goes back, by its own counts; None where none has."""
    stop = tags.stop(deployment.id)
    return stop.why if stop is not None and stop.kind == "verdict" else None


def _red(context: ReleaseContext, followed: Deployment) -> bool:
    """Whether a verdict alarm has fired."""
    return any(name in context.seen.red for name in followed.alarms if name.startswith(context.target.verdict_alarms))


def _said(context: ReleaseContext) -> str:
    """Short, and of what a tag takes, since one must hold it."""
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
