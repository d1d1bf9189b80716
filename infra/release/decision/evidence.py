"""Whether enough requests reached a canary to prove anything: what no alarm can say, since silence turns none red."""

from __future__ import annotations

import math
from datetime import timedelta

from infra.release.decision.context import ReleaseContext
from infra.release.model.actions import TopUp
from infra.release.model.observation import Deployment

LAST_LOOK = timedelta(minutes=1)
"""Before the shift: time enough for CodeDeploy to act on the stop."""
MOST_AT_ONCE = 40
"""Requests of one top-up: about a second of the ten between looks, and no load that anybody would notice."""
SURE = 3.72
"""Standard errors: one release of 10,000 has fewer, where counts are about normal."""
NO_PROBE = "{}"


def missing(context: ReleaseContext, followed: Deployment) -> str | None:
    """Why the canary must not be promoted, when its last minute has begun; None where it may, or there is time left."""
    policy, last = context.policy, timedelta(minutes=context.target.minutes) - LAST_LOOK
    if policy.evidence != "enforce" or not _short(context) or context.age(followed) < last:
        return None
    return f"{_said(context)} before its last minute"


def top_up(context: ReleaseContext, followed: Deployment) -> TopUp | None:
    """From the middle of the canary on, the requests that it lacks. They go through the alias: only those count."""
    policy, alias, sent = context.policy, context.seen.alias, context.seen.notes.topped_up
    half = timedelta(minutes=context.target.minutes) / 2
    if not policy.top_up or context.target.probe == NO_PROBE or not alias.weight or not _short(context):
        return None
    enough = needed(policy.minimum_requests, alias.weight)
    if context.age(followed) < half or sent >= enough:
        return None
    return TopUp(min(MOST_AT_ONCE, enough - sent), _said(context))


def needed(wanted: int, weight: float) -> int:
    """How many requests to send through an alias so that `wanted` reach the version that has `weight` of them, all but
    surely: m requests reach it on average, give or take the root of m, and m - SURE * sqrt(m) are to be `wanted`."""
    root = (SURE + math.sqrt(SURE**2 + 4 * wanted)) / 2
    return math.ceil(root**2 / weight)


def doubt(context: ReleaseContext) -> str:
    """What to add to a promotion that proved little."""
    seen, least = context.seen.notes.evidence, context.policy.minimum_requests
    if seen is None:
        return ""
    if seen < least:
        return f"; but only {seen} requests had reached the canary before the shift: fewer than {least}"
    if least > 0 and context.seen.stable.invocations == 0:
        return f"; but no request of stable version {context.seen.compared[0]} was counted to compare it with"
    return ""


def _short(context: ReleaseContext) -> bool:
    """Whether too few requests reached the canary, or none of stable's is counted: without those the rule is silent."""
    least, seen = context.policy.minimum_requests, context.seen
    return seen.canary.invocations < least or (least > 0 and seen.stable.invocations == 0)


def _said(context: ReleaseContext) -> str:
    requests, wanted = context.seen.canary.invocations, context.policy.minimum_requests
    if requests >= wanted:
        stable = context.seen.compared[0]
        return f"no request of stable version {stable} was counted, so there is nothing to compare the canary with"
    return f"{requests} of the {wanted} requests that it takes have reached the canary"
