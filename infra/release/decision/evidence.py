"""Require enough requests at a canary before it is promoted: an alarm does not fire where no requests come. Pure."""

from __future__ import annotations

import math
from datetime import timedelta

from infra.codedeploy import ALL_AT_ONCE
from infra.release.decision.context import ReleaseContext
from infra.release.model.actions import TopUp
from infra.release.model.observation import Deployment

LAST_POLL = timedelta(minutes=1)
"""Before the shift. CodeDeploy needs about this long to act on a stop."""
MOST_AT_ONCE = 40
"""Requests of one top-up: about one of the ten seconds between observations, a load that no caller notices."""
SURE = 3.72
"""Standard errors of the count at the canary: 1 in 10,000 top-ups falls short, if counts are about normal."""
SETTLED = timedelta(minutes=3)
"""After a deployment's end. Metrics of Lambda may arrive that late."""
NO_PROBE = "{}"


def missing(context: ReleaseContext, followed: Deployment) -> str | None:
    """Return why the canary must not be promoted, once its last minute has begun; None if it may, or has time left."""
    policy, last = context.policy, timedelta(minutes=context.target.minutes) - LAST_POLL
    requests = context.seen.canary.invocations
    if policy.evidence != "enforce" or not _short(context, requests) or context.age(followed) < last:
        return None
    return f"{_said(context, requests)} before its last minute"


def lacked(context: ReleaseContext, followed: Deployment) -> str | None:
    """Return why a version that has all traffic must be reverted: no runner saw the canary's last minute, and too few
    requests reached it before. None where enough did, or where the deployment had no canary."""
    requests = max(context.seen.before_shift, context.seen.notes.evidence or 0)
    if context.policy.evidence != "enforce" or followed.curve == ALL_AT_ONCE or not _short(context, requests):
        return None
    return f"{_said(context, requests)} before the shift"


def may_rise(context: ReleaseContext, followed: Deployment) -> bool:
    """True if metrics from before the shift may still arrive."""
    return context.now - (followed.ended or followed.created) < SETTLED


def top_up(context: ReleaseContext, followed: Deployment) -> TopUp | None:
    """Return how many requests through the alias the canary lacks, from half of its time on: only those count."""
    policy, alias, sent = context.policy, context.seen.alias, context.seen.notes.topped_up
    half, requests = timedelta(minutes=context.target.minutes) / 2, context.seen.canary.invocations
    if not policy.top_up or context.target.probe == NO_PROBE or not alias.weight or not _short(context, requests):
        return None
    enough = needed(policy.minimum_requests, alias.weight)
    if context.age(followed) < half or sent >= enough:
        return None
    return TopUp(min(MOST_AT_ONCE, enough - sent), _said(context, requests))


def needed(wanted: int, weight: float) -> int:
    """Requests to send through an alias so that `wanted` of them reach the version with share `weight`, all but surely.

    m reach it on average with a standard error of sqrt(m), so m solves m - SURE * sqrt(m) = wanted.
    """
    root = (SURE + math.sqrt(SURE**2 + 4 * wanted)) / 2
    return math.ceil(root**2 / weight)


def doubt(context: ReleaseContext) -> str:
    """Return the reservation to print with a promotion that few requests prove; empty where there is none."""
    seen, least = context.seen.notes.evidence, context.policy.minimum_requests
    if seen is None:
        return ""
    if seen < least:
        return f"; but only {seen} requests had reached the canary before the shift: fewer than {least}"
    if least > 0 and context.seen.stable.invocations == 0:
        return f"; but no request of stable version {context.seen.compared[0]} was counted to compare it with"
    return ""


def _short(context: ReleaseContext, requests: int) -> bool:
    """True if too few `requests` reached the canary, or none of stable's was counted: the rule then cannot judge."""
    least = context.policy.minimum_requests
    return requests < least or (least > 0 and context.seen.stable.invocations == 0)


def _said(context: ReleaseContext, requests: int) -> str:
    wanted = context.policy.minimum_requests
    if requests >= wanted:
        stable = context.seen.compared[0]
        return f"no request of stable version {stable} was counted, so there is nothing to compare the canary with"
    return f"{requests} of the {wanted} requests that it takes have reached the canary"
