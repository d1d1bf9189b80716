"""Choose the curve of a release where the stack asks for `curve: auto`, and know it again while it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from infra.release.model.observation import Deployment, Observation, Status, reverts
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.verdict.curves import Choice, Shift, choose
from infra.release.verdict.traffic import Bucket, History, Span, expected


def along(target: Target, seen: Observation) -> Target:
    """Return the target with the curve of the followed deployment, else with the chosen one, else as it is."""
    if seen.followed is not None:
        return target.along(seen.followed.curve)
    return target.along(seen.notes.choice.shift.name) if seen.notes.choice else target


def window(target: Target, seen: Observation) -> int:
    """Return the minutes of counts that matter; before the choice is made, those of the longest curve."""
    if target.auto is None or seen.followed is not None or seen.notes.choice is not None:
        return along(target, seen).minutes
    return max(target.minutes, *(each.length for each in target.auto.allowed), 0)


def undecided(target: Target, seen: Observation) -> bool:
    """True if a release of this function may start and has no curve yet."""
    return target.auto is not None and seen.notes.choice is None and seen.in_flight is None and seen.followed is None


def chosen(
    target: Target, policy: ReleasePolicy, buckets: Iterable[Bucket], ledger: Sequence[Deployment], now: datetime
) -> Choice | None:
    """Return the choice for a release that starts now; None where the curve is configured."""
    if target.auto is None:
        return None
    history = History(tuple(buckets), tuple(unusual(ledger, now)))
    default = Shift(target.curve, target.percent, target.minutes)
    return choose(target.auto, default, policy.of(target).rule, expected(history, now, target.auto.longest))


def unusual(ledger: Sequence[Deployment], now: datetime) -> Iterator[Span]:
    """Yield the spans in which a version served requests that may not have stayed: while a deployment ran, and from
    one that was reverted later until the end of its revert."""
    for each in ledger:
        yield each.created, each.ended or now
        if (reverted := reverts(each, ledger)) is not None and reverted.status is Status.SUCCEEDED:
            yield reverted.created, each.ended or now


def said(seen: Observation) -> str:
    """Return why the followed deployment has its curve; empty if this runner has not chosen it."""
    choice, followed = seen.notes.choice, seen.followed
    return f"curve chosen: {choice.why}" if choice and followed and followed.curve == choice.shift.name else ""
