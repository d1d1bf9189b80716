"""Decide which published versions may be deleted. Pure.

It never selects a version that traffic may still need, and refuses a prune that would leave no version to go back to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.release.decision import proven
from infra.release.decision.failure import rejection
from infra.release.model.observation import Deployment, Observation, Status
from infra.release.model.spec import Target


@dataclass(frozen=True)
class Published:
    """A published version, as Lambda lists it. size: of its code, in bytes. aliases: other ones that point to it."""

    number: str
    at: datetime
    fingerprint: str
    size: int
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetentionPolicy:
    """Versions kept in any case: the newest `keep`, and those younger than `days`."""

    keep: int
    days: float


@dataclass(frozen=True)
class VersionRetention:
    """A version and why it is kept; it is deleted where there is no reason."""

    version: Published
    kept: tuple[str, ...]

    @property
    def goes(self) -> bool:
        return not self.kept


def retentions(
    target: Target, seen: Observation, published: Sequence[Published], bounds: RetentionPolicy, now: datetime
) -> list[VersionRetention]:
    """Return the decision on every version, newest first."""
    ordered = sorted(published, key=lambda each: int(each.number), reverse=True)
    needed = _needed(target, seen, ordered)
    newest = {each.number for each in ordered[: bounds.keep]}
    found = []
    for each in ordered:
        why = [*needed.get(each.number, ()), *(f"alias {name}" for name in each.aliases)]
        if each.number in newest:
            why.append(f"among the newest {bounds.keep}")
        if now - each.at < timedelta(days=bounds.days):
            why.append(f"younger than {bounds.days:g} days")
        found.append(VersionRetention(each, tuple(why)))
    return found


def _needed(target: Target, seen: Observation, published: Sequence[Published]) -> dict[str, list[str]]:
    """Return by version why traffic needs it."""
    needed: dict[str, list[str]] = {}
    good = last_good(target, seen, published)
    for number, why in [
        (seen.alias.version, "live"),
        (seen.alias.shifted, f"weighted, {seen.alias.weight:.0%}"),
        (good.number if good else None, "last good"),
        (_origin(seen), "what the live one came from"),
        (_proved_last(target, seen, published), "proved last"),
        *((each, "in flight") for each in _in_flight(seen, published)),
        (target.version, "wanted by the stack"),
    ]:
        if number:
            needed.setdefault(number, []).append(why)
    return needed


def last_good(target: Target, seen: Observation, published: Sequence[Published]) -> Published | None:
    """Return the version to go back to: the last good one before the live one that still exists, by the ledger.

    published: newest first.
    """
    for each in _promotions(seen):
        released = [one for one in published if each.entry and one.fingerprint == each.entry.fingerprint]
        before = [one for one in published if each.entry and one.number == each.entry.stable]
        for one in (*released, *before):
            if one.number != seen.alias.version and _good(target, seen, one):
                return one
    return None


def _proved_last(target: Target, seen: Observation, published: Sequence[Published]) -> str | None:
    """Return the version that was proved last, or the newest of the same code where that one is gone."""
    proved = proven.last(target, seen)
    if proved is None or any(each.number == proved.number for each in published):
        return proved.number if proved else None
    same = (each.number for each in published if proved.fingerprint and each.fingerprint == proved.fingerprint)
    return max(same, key=int, default=None)


def _origin(seen: Observation) -> str | None:
    """Return the version that the live one was released from, to which `rollback` goes."""
    entries = (each.entry for each in _promotions(seen))
    return next((entry.stable for entry in entries if entry and entry.fingerprint == seen.live.fingerprint), None)


def _promotions(seen: Observation) -> Iterator[Deployment]:
    """Yield the deployments by Strata that succeeded, newest first, without reverts and what those reverted."""
    for each in seen.ledger:
        if each.entry and each.status is Status.SUCCEEDED and seen.reverts(each) is None:
            revert = seen.revert_of(each)
            if revert is None or revert.status is not Status.SUCCEEDED:
                yield each


def _good(target: Target, seen: Observation, one: Published) -> bool:
    return one.number != seen.alias.shifted and rejection(one.fingerprint, target, seen) is None


def _in_flight(seen: Observation, published: Sequence[Published]) -> Iterator[str]:
    for running in _running(seen):
        if running.entry is not None:
            yield running.entry.stable
            yield from (each.number for each in published if each.fingerprint == running.entry.fingerprint)


def _running(seen: Observation) -> Iterator[Deployment]:
    """Yield the deployments that move traffic now: those in flight, and those that they roll back."""
    for each in seen.ledger:
        if each.running:
            yield each
            if (rolled_back := seen.deployment(each.rolls_back)) is not None:
                yield rolled_back


def refusal(target: Target, seen: Observation, found: Sequence[VersionRetention]) -> str | None:
    """Return why nothing may be pruned; None if it may."""
    if not any(each.goes for each in found):
        return None
    running = list(_running(seen))
    if running and all(each.entry is None for each in running):
        return (
            f"{running[0].id} is in flight and was not started by Strata, so its versions are not known; prune when it "
            "has ended"
        )
    ways = [each for each in found if each.version.number != seen.alias.version and _good(target, seen, each.version)]
    if ways and all(each.goes for each in ways):
        numbers = ", ".join(each.version.number for each in ways)
        return (
            f"nothing to go back to from version {seen.alias.version} of {target.function} would be left: the ledger "
            f"does not say which of {numbers} was live before; give a larger --keep or --older-than"
        )
    return None
