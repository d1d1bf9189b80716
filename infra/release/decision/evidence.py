"""Whether enough requests reached a canary to prove anything: what no alarm can say, since silence turns none red."""

from __future__ import annotations

import math
from datetime import timedelta

from infra.release.decision.context import Case
from infra.release.model.actions import TopUp
from infra.release.model.observation import Deployment

LAST_LOOK = timedelta(minutes=1)
"""Before the shift: time enough for CodeDeploy to act on the stop."""
MOST_AT_ONCE = 40
"""Requests of one top-up: about a second of the ten between looks, and no load that anybody would notice."""
SURE = 3.72
"""Standard errors: one release of 10,000 has fewer, where counts are about normal."""
NO_PROBE = "{}"


def missing(case: Case, followed: Deployment) -> str | None:
    """Why the canary must not be promoted, when its last minute has begun; None where it may, or there is time left."""
    policy, last = case.policy, timedelta(minutes=case.target.minutes) - LAST_LOOK
    if policy.evidence != "enforce" or not _short(case) or _age(case, followed) < last:
        return None
    return f"{_said(case)} before its last minute"


def top_up(case: Case, followed: Deployment) -> TopUp | None:
    """From the middle of the canary on, the requests that it lacks. They go through the alias: only those count."""
    policy, alias, sent = case.policy, case.seen.alias, case.seen.notes.topped_up
    half = timedelta(minutes=case.target.minutes) / 2
    if not policy.top_up or case.target.probe == NO_PROBE or not alias.weight or not _short(case):
        return None
    enough = needed(policy.minimum_requests, alias.weight)
    if _age(case, followed) < half or sent >= enough:
        return None
    return TopUp(min(MOST_AT_ONCE, enough - sent), _said(case))


def needed(wanted: int, weight: float) -> int:
    """How many requests to send through an alias so that `wanted` reach the version that has `weight` of them, all but
    surely: m requests reach it on average, give or take the root of m, and m - SURE * sqrt(m) are to be `wanted`."""
    root = (SURE + math.sqrt(SURE**2 + 4 * wanted)) / 2
    return math.ceil(root**2 / weight)


def doubt(case: Case) -> str:
    """What to add to a promotion that proved little."""
    seen = case.seen.notes.evidence
    if seen is None or seen >= case.policy.minimum_requests:
        return ""
    return (
        f"; but only {seen} requests had reached the canary before the shift: fewer than {case.policy.minimum_requests}"
    )


def _short(case: Case) -> bool:
    return case.seen.canary.invocations < case.policy.minimum_requests


def _age(case: Case, followed: Deployment) -> timedelta:
    return case.now - (followed.shifting or followed.started or followed.created)


def _said(case: Case) -> str:
    requests, wanted = case.seen.canary.invocations, case.policy.minimum_requests
    return f"{requests} of the {wanted} requests that it takes have reached the canary"
