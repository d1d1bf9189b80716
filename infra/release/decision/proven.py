"""Find the versions that a function's own ledger proves fit for all its traffic, and the last of them. Pure.

A version is proved if a deployment by Strata promoted it and nothing reverted it, if it was the first and answered, or
was live when the function was adopted, or if an override says so. A later rejection ends the proof. Being live proves
nothing: an alias can be moved by hand, and a new one begins on the newest version. `promotion` requires proof from the
upstream stack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from infra.release.decision.failure import rejection
from infra.release.model.observation import Deployment, Observation, Status, Version, reverts
from infra.release.model.spec import Target
from infra.release.model.tags import First

UNTRIED = "untried"
"""The reason of a refusal for want of proof; an override that notes it is a proof."""


@dataclass(frozen=True)
class Proof:
    """A version may have all traffic. `how`: how that is known. number, fingerprint: empty where no record says them.

    begins: the proof is only that the records begin there; CodeDeploy does not promise to keep older ones.
    """

    number: str
    fingerprint: str
    how: str
    deployment: str = ""
    begins: bool = False

    def covers(self, version: Version) -> bool:
        return version.number == self.number or bool(version.fingerprint and version.fingerprint == self.fingerprint)


def proofs(target: Target, seen: Observation) -> Iterator[Proof]:
    """Yield every proof that holds, the newest first."""
    for each in _promoted(seen):
        if each.entry and rejection(each.entry.fingerprint, target, seen) is None:
            yield Proof(each.canary or "", each.entry.fingerprint, f"promoted by {each.id}", each.id)
    begin, first = _begin(seen), _first(seen)
    if begin is not None and begin.entry is not None and begin.entry.stable != (first.version if first else ""):
        why = f"{begin.id}, the oldest record that CodeDeploy keeps, started from it"
        yield Proof(begin.entry.stable, "", why, begins=True)
    if first is not None and rejection(first.fingerprint, target, seen) is None:
        how = "it was live when the function was adopted" if first.adopted else "it went first and answered"
        yield Proof(first.version, first.fingerprint, how)


def proof(target: Target, seen: Observation, version: Version) -> Proof | None:
    """Return the proof of a version; None if there is none."""
    if not version.fingerprint:  # Lambda has it no longer
        return None
    mark = seen.tags.override
    if mark is not None and mark.fingerprint == version.fingerprint and UNTRIED in mark.refusal.split("+"):
        return Proof(version.number, version.fingerprint, f"by the override {mark.text}")
    if rejection(version.fingerprint, target, seen) is not None:
        return None
    return next((each for each in proofs(target, seen) if each.covers(version)), None)


def last(target: Target, seen: Observation) -> Proof | None:
    """Return the version that was proved last: traffic on an unproved version goes there.

    None if no record says so. Where records are gone, the first version is no target.
    """
    found = next(proofs(target, seen), None)
    first, begin = _first(seen), _begin(seen)
    if found is not None and first is not None and found.number == first.version and begin is None and first.begun:
        return None
    return found


def fallback(target: Target, seen: Observation) -> Proof | None:
    """Return the version proved last whose code is not being rolled back; that code itself if there is no other.

    An old version that is published anew and aborted is still proved: its traffic goes to another one all the same.
    """
    attempt = seen.going_back or seen.last_attempt
    failed = attempt.entry.fingerprint if attempt and attempt.entry and (seen.going_back or attempt.failed) else ""
    proved = last(target, seen)
    if proved is None or proved.fingerprint != failed:
        return proved
    return next(_besides(target, seen, {failed}), proved)


def stands(target: Target, seen: Observation) -> bool:
    """True if the live version may stay: it is proved, or no record names a better one."""
    if proof(target, seen, seen.live) is not None:
        return True
    unknown = last(target, seen) is None and bool(seen.live.fingerprint)
    return unknown and rejection(seen.live.fingerprint, target, seen) is None


def astray(target: Target, seen: Observation) -> bool:
    """True if traffic must leave the live version: it is gone or rejected, or it is wanted and not proved.

    Where another version is wanted, one that an operator has moved the alias to, in an emergency perhaps, serves until
    the wanted one is released over it.
    """
    live = seen.live
    if stands(target, seen):
        return False
    is_wanted = live.fingerprint in {"", seen.wanted.fingerprint}
    return is_wanted or rejection(live.fingerprint, target, seen) is not None


def doubt(target: Target, seen: Observation) -> str:
    """Return why the live version may not stay."""
    live = seen.live
    if not live.fingerprint:
        return f"alias {target.alias} is on version {live.number}, which Lambda no longer has"
    rejected = rejection(live.fingerprint, target, seen)
    why = f"{rejected.id} rejected it" if rejected else "no release by Strata has promoted it"
    return f"version {live.number} is live, and {why}"


def home(target: Target, seen: Observation, stable: str, wrong: Collection[str] = ()) -> str:
    """Return the version that a rollback to `stable` must end on: `stable`, unless the ledger proves only another.

    Traffic that CodeDeploy has moved to a proved version is not moved on to a worse one. wrong: fingerprints that must
    lose their traffic.
    """
    known = _known(seen, stable)
    sound = proof(target, seen, known) if known else _numbered(target, seen, stable)
    if sound is not None and not sound.begins:
        return stable
    on = proof(target, seen, seen.live) if seen.alias.shifted is None else None
    if on is not None and not on.begins and seen.live.fingerprint not in wrong:
        return seen.alias.version
    if sound is not None or seen.good is None:
        return stable
    if seen.good.fingerprint not in wrong:
        return seen.good.number
    return next((each.number for each in _besides(target, seen, wrong) if each.number), stable)


def before(target: Target, seen: Observation, reverted: Deployment) -> str:
    """Return the version that gets the traffic of `reverted`: the one it started from, or the last other proved one."""
    stable = reverted.entry.stable if reverted.entry else seen.live.number
    known = _known(seen, stable)
    if (proof(target, seen, known) if known else _numbered(target, seen, stable)) is not None:
        return stable
    promoted = {reverted.entry.fingerprint} if reverted.entry else set[str]()
    return next((each.number for each in _besides(target, seen, promoted) if each.number), stable)


def _besides(target: Target, seen: Observation, fingerprints: Collection[str]) -> Iterator[Proof]:
    """Yield the proofs of code other than `fingerprints`, the newest first."""
    return (each for each in proofs(target, seen) if each.fingerprint not in fingerprints)


def _promoted(seen: Observation) -> Iterator[Deployment]:
    """Yield the deployments by Strata that succeeded and that nothing reverted, newest first."""
    of_moment: dict[datetime, list[Deployment]] = {}
    for each in seen.ledger:
        if each.entry:
            of_moment.setdefault(each.entry.at, []).append(each)
    ways_back = [(each, reverts(each, some)) for some in of_moment.values() for each in some]
    back = {each.id for each, reverted in ways_back if reverted is not None}
    taken = {reverted.id for _, reverted in ways_back if reverted is not None}
    for each in seen.ledger:
        if each.entry and each.status is Status.SUCCEEDED and each.id not in back | taken:
            yield each


def _begin(seen: Observation) -> Deployment | None:
    """Return the oldest record of Strata's."""
    return next((each for each in reversed(seen.ledger) if each.entry and seen.reverts(each) is None), None)


def _first(seen: Observation) -> First | None:
    noted = seen.tags.answered
    return noted.mark if noted and isinstance(noted.mark, First) else None


def _known(seen: Observation, number: str) -> Version | None:
    known = (seen.live, seen.shifted, seen.wanted, seen.good, seen.origin)
    return next((each for each in known if each is not None and each.number == number), None)


def _numbered(target: Target, seen: Observation, number: str) -> Proof | None:
    return next((each for each in proofs(target, seen) if each.number == number), None)


def missing(target: Target, seen: Observation) -> Iterator[str]:
    """Yield a sentence that the live version has all traffic without proof; nothing where it may stay."""
    if seen.alias.shifted is None and not stands(target, seen):
        found = last(target, seen)
        where = f"; proved last was version {found.number}, {found.how}" if found else ""
        yield f"{doubt(target, seen)}{where}"
