"""What the functions of one release, a set, do for one another. Pure.

All start together, once each of them may. One that fails takes the others with it: what is in flight is stopped, what
is promoted already goes back. The deployments of a set share one moment, the `at` of their ledger lines, so that any
later look knows what belonged together; a set of one needs nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from infra.release.decision import silence
from infra.release.decision.context import Case
from infra.release.model.actions import Action, Finish, Follow, Note, Probe, Start, Wait
from infra.release.model.observation import Deployment, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.tags import Enlisted, Stopped

Next = Callable[[Case], Action]


def together(cases: Sequence[Case], next_: Next) -> dict[str, Action]:
    """The next action of every function, by name; `next_` decides for one by itself."""
    cases = [replace(case, lost=_lost(case, cases)) for case in cases]
    alone = {case.target.function: next_(case) for case in cases}
    if (culprit := _culprit(alone)) is not None:
        alone = _give_up(cases, alone, culprit, next_)
    elif any(isinstance(action, Start) for action in alone.values()):
        alone = _set_out(cases, alone)
    return alone if all(isinstance(each, Finish) for each in alone.values()) else _held(alone)


def _lost(case: Case, cases: Iterable[Case]) -> dict[datetime, str]:
    """The moments at which another function was tried and failed, or has been condemned since: whatever was tried
    with it is lost."""
    return {
        each.entry.at: other.target.function
        for other in cases
        if other is not case
        for each in other.seen.ledger
        if each.entry is not None and other.seen.taken_back_by(each) is None
        if each.failed or (each.status is Status.SUCCEEDED and silence.resolved(other.seen.tags, each) is not None)
    }


def _culprit(alone: dict[str, Action]) -> str | None:
    """The first function that has ended badly."""
    bad = (name for name, each in alone.items() if isinstance(each, Finish) and not each.outcome.ending.good)
    return next(bad, None)


def _give_up(cases: Iterable[Case], alone: dict[str, Action], culprit: str, next_: Next) -> dict[str, Action]:
    """Nothing starts any more, and what has been started at the same moment goes back."""
    cases = list(cases)
    moment = _open(cases)
    given_up = {}
    for case in cases:
        name, action = case.target.function, alone[case.target.function]
        if moment is not None and name != culprit:
            action = next_(replace(case, lost={**case.lost, moment: culprit}))
        given_up[name] = (
            case.finish(Ending.REFUSED, "set", _NOT_WITHOUT.format(culprit)) if _waits(case, action) else action
        )
    return given_up


_NOT_WITHOUT = "{} is not released, and the set goes together; nothing was started"


def _waits(case: Case, action: Action) -> bool:
    """Whether a function has not been started yet, and would be."""
    match action:
        case _ if case.seen.followed is not None:
            return False
        case Wait(phase):
            return phase is Phase.SETTLE
        case Note(mark):
            return not isinstance(mark, Stopped)  # what was started goes back
    return isinstance(action, Start | Probe)


def _set_out(cases: Sequence[Case], alone: dict[str, Action]) -> dict[str, Action]:
    """Start all at one moment, once none is in the way of another; tags tell of the moment before."""
    starting = [case for case in cases if isinstance(alone[case.target.function], Start)]
    ready = all(
        case.seen.followed is not None or isinstance(alone[case.target.function], Start | Follow | Finish)
        for case in cases
    )
    if not ready:
        return alone | {case.target.function: Wait(Phase.SET, "waits for the others to be ready") for case in starting}
    moment = _open(cases)
    if any(_tried(case, moment) for case in starting):  # the set went on without the rest, and this is another one
        moment = None
    if moment is None and len(starting) > 1:
        if not all(case.seen.notes.enlisted for case in starting):
            names = ", ".join(case.target.function for case in starting)
            note = Note(Enlisted(starting[0].now), f"{names} go together", Phase.SET)
            return alone | {case.target.function: note for case in starting}
        moment = starting[0].seen.tags.enlisted
    return alone | {
        case.target.function: replace(action, at=moment)
        for case in starting
        if isinstance(action := alone[case.target.function], Start)
    }


def _open(cases: Sequence[Case]) -> datetime | None:
    """The moment of a set of which some deployments were created and some were not: its runner died in between."""
    for moment in sorted({case.seen.tags.enlisted for case in cases if case.seen.tags.enlisted}, reverse=True):
        tries = {case.target.function: _tried(case, moment) for case in cases if case.seen.tags.enlisted == moment}
        failed = any(each.failed for some in tries.values() for each in some)
        if any(tries.values()) and not all(tries.values()) and not failed:
            return moment
    return None


def _tried(case: Case, moment: datetime | None) -> list[Deployment]:
    """The deployments of that moment."""
    return [each for each in case.seen.ledger if each.entry is not None and each.entry.at == moment]


def _held(alone: dict[str, Action]) -> dict[str, Action]:
    """Nobody finishes before all can: who is promoted may yet have to go back."""
    return {
        name: Wait(Phase.SET, f"{action.outcome.title}; waits for the others") if isinstance(action, Finish) else action
        for name, action in alone.items()
    }
