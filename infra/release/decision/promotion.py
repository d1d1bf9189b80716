"""Require proof from the upstream stack, by its own ledger, of the code that is to be released. Pure.

The same code (by its digest) with the same contract must have been promoted there, or have been the first there and
answered, within the allowed days; and nothing may have reverted it since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from infra.release.decision.context import ReleaseContext
from infra.release.model.attempt import Attempt, UpstreamReleases
from infra.release.model.outcome import Ending
from infra.release.model.tags import Promoted

PROVING = frozenset({Ending.PROMOTED, Ending.FIRST})


def proved(context: ReleaseContext) -> Promoted | None:
    """Return the tag that records the proving release of the wanted version; None if none is required or exists."""
    if not context.target.proof_group or isinstance(found := _of(context), str):
        return None
    ended = f"{found.ended or found.started:%Y-%m-%d}"
    return Promoted(
        context.seen.wanted.fingerprint, context.policy.source, found.deployment or "first", found.by, ended
    )


def missing(context: ReleaseContext) -> str | None:
    """Return why the wanted version is not proved upstream, and the remedy; None if it is, or need not be."""
    if not context.target.proof_group or not isinstance(found := _of(context), str):
        return None
    return f"code {context.seen.wanted.digest} is not proved by stack {context.policy.source}: {found}"


def _of(context: ReleaseContext) -> Attempt | str:
    upstream = context.seen.upstream or UpstreamReleases(unavailable_reason="they were not read")
    if upstream.unavailable_reason:
        return f"its records cannot be read: {upstream.unavailable_reason}"
    wanted = context.seen.wanted
    return judged(upstream.attempts, wanted.digest, wanted.contract, context.policy.proof_days, context.now)


def newest(attempts: Sequence[Attempt], days: int, now: datetime) -> Attempt | None:
    """Return the newest release that proves its own code. `attempts`: newest first."""
    return next((each for each in attempts if judged(attempts, each.digest, each.contract, days, now) is each), None)


def judged(attempts: Sequence[Attempt], digest: str, contract: str, days: int, now: datetime) -> Attempt | str:
    """Return the release that proves this code with this contract, or why none does. `attempts`: newest first."""
    tries = [each for each in attempts if each.digest == digest]
    if not tries:
        return "it was never released there; release this very bundle there first"
    alike = [each for each in tries if each.contract == contract]
    if not alike:
        return (
            f"{tries[0]} released it there with another contract, that is with another runtime, memory, timeout or "
            "other names of variables; let the two stacks configure the same, and release it there again"
        )
    # The newest that says anything of the code: a fault of the deployment, or of another function, does not.
    for each in alike:
        if each.ending is None:
            return f"{each} is still in flight there; run again when it has ended"
        if each.ending in PROVING:
            return each if now - (each.ended or each.started) <= timedelta(days=days) else _late(each, days)
        if each.change_failed:
            return f"{each} was reverted there ({each.reason}: {each.why}); change the code"
    return f"{alike[0]} ended there without proof ({alike[0].reason}: {alike[0].why}); release it there again"


def _late(each: Attempt, days: int) -> str:
    return f"{each} proved it there more than {days} days ago; release it there again, or allow more proofDays"
