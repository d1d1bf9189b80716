"""The outcome of every release, and DORA's four keys, from CodeDeploy's records and the group's tags alone. Pure.

All times are the runner's clock's. https://dora.dev/guides/dora-metrics-four-keys/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from infra.release.decision.failure import GONE, REVERTED, failure_reason, reason_was_dropped, who
from infra.release.model.attempt import Attempt
from infra.release.model.observation import Deployment, Status, reverts
from infra.release.model.outcome import Ending
from infra.release.model.spec import Target
from infra.release.model.tags import First, Overridden, Promoted, RecordedTag, RetryGrant, Tags

BY_HAND = "by hand"
ALARMED = "ALARM_ACTIVE"
CHANGE_FAILURE_REASONS = frozenset({"verdict", "hook", "operator"})
"""Reasons that count as a change failure. Missing evidence, faults of the deployment itself and the failure of another
function of the set do not."""
When = Callable[[datetime], datetime]


def attempts(target: Target, ledger: Sequence[Deployment], tags: Tags, when: When) -> list[Attempt]:
    """Return the releases of one function, newest first. Their `version` is not known yet: `named` adds it.

    ledger: newest first. when: converts AWS's time to the clock's.
    """
    ways_back = _ways_back(ledger)
    back = {id_ for some in ways_back.values() for id_ in some}
    by_id = {each.id: each for each in ledger}
    found = [
        _attempt(target, each, [by_id[id_] for id_ in ways_back.get(each.id, ())], tags)
        for each in ledger
        if each.id not in back and each.rolls_back is None
    ]
    return _allowed(found, tags, when) + _first(target, tags, when)


def _ways_back(ledger: Sequence[Deployment]) -> dict[str, list[str]]:
    """Return by deployment those that rolled it back (CodeDeploy's) or reverted it (ours), oldest first."""
    of_moment: dict[datetime, list[Deployment]] = {}
    for each in ledger:
        if each.entry:
            of_moment.setdefault(each.entry.at, []).append(each)
    found: dict[str, list[str]] = {}
    for each in reversed(ledger):
        reverted = reverts(each, of_moment[each.entry.at]) if each.entry else None
        if (taken := each.rolls_back or (reverted.id if reverted else None)) is not None:
            found.setdefault(taken, []).append(each.id)
    return found


def _attempt(target: Target, each: Deployment, back: Sequence[Deployment], tags: Tags) -> Attempt:
    ending, reason, why = _ended(target, each, back, tags)
    restored = [way.ended for way in back if way.status is Status.SUCCEEDED and way.ended]
    entry = each.entry
    return Attempt(
        function=target.function,
        deployment=each.id,
        started=each.created,
        ending=ending,
        reason=reason,
        why=why,
        stable=entry.stable if entry else None,
        version="",
        fingerprint=entry.fingerprint if entry else "",
        digest=entry.digest if entry else "",
        contract=entry.contract if entry else "",
        commit=entry.commit if entry else "unknown",
        by=entry.by if entry else BY_HAND,
        ended=None if ending is None else (restored[-1] if restored else each.ended),
        set_id=entry.at if entry else None,
        back=tuple(way.id for way in back),
        change_failed=ending is Ending.ROLLED_BACK and (reason in CHANGE_FAILURE_REASONS or each.error == ALARMED),
    )


def _ended(target: Target, each: Deployment, back: Sequence[Deployment], tags: Tags) -> tuple[Ending | None, str, str]:
    """Return the ending with its reason and detail; no ending while it, or its rollback or revert, is in flight."""
    if each.running:
        return None, "in flight", f"it is {each.status.value}"
    if each.failed:
        reason, why = failure_reason(each, target, tags)
        return (None if any(way.running for way in back) else Ending.ROLLED_BACK), reason, why
    if not any(way.running or way.status is Status.SUCCEEDED for way in back):
        return Ending.PROMOTED, "verdict" if each.entry else BY_HAND, "no alarm fired"
    stop = tags.stop(each.id)
    unsaid = GONE if reason_was_dropped(each, tags) else REVERTED
    reason, why = (stop.kind, f"{who(each, tags)}: {stop.why}") if stop else unsaid
    return (None if any(way.running for way in back) else Ending.ROLLED_BACK), reason, why


def _first(target: Target, tags: Tags, when: When) -> list[Attempt]:
    """Return the release of the first version; none for an adopted one, which Terraform made live."""
    noted = tags.answered
    if noted is None or not isinstance(noted.mark, First) or noted.mark.adopted:
        return []
    at, mark = when(datetime.fromisoformat(noted.at)), noted.mark
    why = "it answered its first call"
    return [
        Attempt(
            target.function, None, at, Ending.FIRST, "answered", why, None, mark.version, mark.fingerprint,
            mark.digest, mark.contract, mark.commit, noted.by, ended=at,
        )
    ]  # fmt: skip


def unseen(target: Target, ledger: Sequence[Deployment], tags: Tags) -> str | None:
    """Return a sentence on deployments that tags name and no record has; None if none is missing.

    ledger: newest first.

    CodeDeploy does not promise how long it keeps a record, and deletes all of them with their group.
    """
    known = {each.id for each in ledger}
    retry_grants = {mark.deployment for mark in tags.retry_grants}
    if gone := sorted(({*tags.stopped} | retry_grants) - known):
        shown = ", ".join(gone[:3]) + (" ..." if len(gone) > 3 else "")
        return f"{target.function}: CodeDeploy has no record any more of {shown}, so older releases may be missing"
    first = tags.answered.mark if tags.answered else None
    oldest = next((each for each in reversed(ledger) if each.entry), None)
    if isinstance(first, First) and oldest and oldest.entry and oldest.entry.stable != first.version:
        return (
            f"{target.function}: CodeDeploy's oldest record, {oldest.id}, started from version {oldest.entry.stable}, "
            f"and the first version was {first.version}: what came between has no record any more, or was by hand"
        )
    return None


def _allowed(found: Sequence[Attempt], tags: Tags, when: When) -> list[Attempt]:
    """Add each override and retry grant to the first release of its fingerprint that started after it."""
    notes: dict[str | None, list[str]] = {}
    for noted in marks(tags):
        later = [
            each
            for each in found
            if each.fingerprint == _fingerprint(noted) and each.started >= when(datetime.fromisoformat(noted.at))
        ]
        if later:
            notes.setdefault(later[-1].deployment, []).append(said(noted))
    return [replace(each, allowed=tuple(notes.get(each.deployment, ()))) for each in found]


def marks(tags: Tags) -> list[RecordedTag]:
    """Return the last override, the last retry grant of each kind, and the proofs: those that a group's tags keep."""
    last = (each for each in (tags.overridden, tags.granted, tags.granted_by_policy) if each is not None)
    return [*last, *tags.proved.values()]


def said(noted: RecordedTag) -> str:
    """Return an override, a retry grant or a proof in words."""
    match noted.mark:
        case Overridden(_, refusal, text):
            return f"override of {refusal}: {text} (noted by {noted.by})"
        case RetryGrant(_, deployment, configured):
            what = "release.retry" if configured else "allow-retry"
            return f"{what} after {deployment}, by {noted.by}"
        case Promoted(_, source, deployment, by, ended):
            return f"proved in {source} by {deployment} of {ended}, released by {by}"
    return ""


def _fingerprint(noted: RecordedTag) -> str:
    return noted.mark.fingerprint if isinstance(noted.mark, Overridden | RetryGrant | Promoted) else ""


def named(found: Iterable[Attempt], shifts: Mapping[str, tuple[str, str]]) -> list[Attempt]:
    """Add the versions to releases. `shifts`: by deployment, the version it started from and the one it released."""
    known = ((each, shifts.get(each.deployment or "")) for each in found)
    return [replace(each, stable=shift[0], version=shift[1]) if shift else each for each, shift in known]


@dataclass(frozen=True)
class Keys:
    """DORA's four keys over some days, of the releases that Strata started. A set of functions counts once. None: no
    release to compute it from.

    releases: that were promoted, first versions among them. lead_hours: median from commit to all traffic, of those
    whose commit git knows; of `unknown_commits` it does not. failed: of all `ended`, those that a verdict, a hook, an
    alarm or an operator reverted. restore_minutes: median from the start of a failed one until its traffic was back.
    by_hand: deployments within those days that were started outside of Strata; no other figure includes them.
    """

    days: int
    releases: int
    lead_hours: float | None
    unknown_commits: int
    ended: int
    failed: int
    restore_minutes: float | None
    by_hand: int = 0

    @property
    def per_day(self) -> float:
        return self.releases / self.days

    @property
    def failure_rate(self) -> float | None:
        return self.failed / self.ended if self.ended else None


def keys(found: Iterable[Attempt], days: int, now: datetime, committed: Callable[[str], datetime | None]) -> Keys:
    """Return the keys of the last `days`. `committed`: the time of a commit, in the attempts' time; None if unknown."""
    recent = [each for each in found if each.started >= now - timedelta(days=days)]
    sets: dict[object, list[Attempt]] = {}
    for each in recent:
        if not each.by_hand:
            sets.setdefault(each.set_id or (each.function, each.deployment), []).append(each)
    ended = [some for some in sets.values() if all(each.ending for each in some)]
    good = [some for some in ended if all(each.ending is not Ending.ROLLED_BACK for each in some)]
    bad = [some for some in ended if any(each.change_failed for each in some)]
    made = [(committed(some[0].commit), _whole(some)) for some in good]
    lead = [(whole - at) / timedelta(hours=1) for at, whole in made if at and whole]
    restore = [
        (whole - min(each.started for each in some)) / timedelta(minutes=1) for some in bad if (whole := _whole(some))
    ]
    return Keys(
        days=days,
        releases=len(good),
        lead_hours=median(lead) if lead else None,
        unknown_commits=len(good) - len(lead),
        ended=len(ended),
        failed=len(bad),
        restore_minutes=median(restore) if restore else None,
        by_hand=sum(each.by_hand for each in recent),
    )


def _whole(some: Iterable[Attempt]) -> datetime | None:
    """Return when the traffic of every function of a set had reached the version on which it stayed."""
    return max((each.ended for each in some if each.ended), default=None)
