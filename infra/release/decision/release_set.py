"""Decide for the functions of one release together: they form a set. Pure.

All start together, once each of them may. One that fails fails the set: what is in flight is stopped, what is promoted
already is reverted. The deployments of a set carry the same time, the `at` of their ledger lines, so that any later
observation knows which belong together; a set of one needs nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from infra.release.decision import silence
from infra.release.decision.context import ReleaseContext
from infra.release.model.actions import Action, Finish, Follow, Probe, Start, Wait, WriteTag
from infra.release.model.observation import Deployment, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.tags import Enlisted, Stopped

Next = Callable[[ReleaseContext], Action]


def decide_set(contexts: Sequence[ReleaseContext], next_: Next) -> dict[str, Action]:
    """Return the next action of every function, by name; `next_` decides for one function alone."""
    contexts = [replace(context, failed_sets=_failed_sets(context, contexts)) for context in contexts]
    alone = {context.target.function: next_(context) for context in contexts}
    if (culprit := _culprit(alone)) is not None:
        alone = _fail_set(contexts, alone, culprit, next_)
    elif any(isinstance(action, Start) for action in alone.values()):
        alone = _start_set(contexts, alone)
    return alone if all(isinstance(each, Finish) for each in alone.values()) else _hold_until_all_done(alone)


def _failed_sets(context: ReleaseContext, contexts: Iterable[ReleaseContext]) -> dict[datetime, str]:
    """Return the start of each set in which another function failed or was condemned since, with its name."""
    return {
        each.entry.at: other.target.function
        for other in contexts
        if other is not context
        for each in other.seen.ledger
        if each.entry is not None and other.seen.reverts(each) is None
        if each.failed or (each.status is Status.SUCCEEDED and silence.resolved(other.seen.tags, each) is not None)
    }


def _culprit(alone: dict[str, Action]) -> str | None:
    """Return the name of the first function that has ended badly."""
    bad = (name for name, each in alone.items() if isinstance(each, Finish) and not each.outcome.ending.good)
    return next(bad, None)


def _fail_set(
    contexts: Iterable[ReleaseContext], alone: dict[str, Action], culprit: str, next_: Next
) -> dict[str, Action]:
    """Start nothing more, and stop or revert what started with the set."""
    contexts = list(contexts)
    set_id = _partially_started(contexts)
    given_up = {}
    for context in contexts:
        name, action = context.target.function, alone[context.target.function]
        if set_id is not None and name != culprit:
            action = next_(replace(context, failed_sets={**context.failed_sets, set_id: culprit}))
        given_up[name] = (
            context.finish(Ending.REFUSED, "set", _NOT_WITHOUT.format(culprit)) if _waits(context, action) else action
        )
    return given_up


_NOT_WITHOUT = "{} is not released, and the set goes together; nothing was started"


def _waits(context: ReleaseContext, action: Action) -> bool:
    """True if a function has not been started yet, and would be."""
    match action:
        case _ if context.seen.followed is not None:
            return False
        case Wait(phase):
            return phase is Phase.SETTLE
        case WriteTag(mark):
            return not isinstance(mark, Stopped)  # what was started is stopped or reverted
    return isinstance(action, Start | Probe)


def _start_set(contexts: Sequence[ReleaseContext], alone: dict[str, Action]) -> dict[str, Action]:
    """Start all with the same time, once every function is ready; tags record that time before."""
    starting = [context for context in contexts if isinstance(alone[context.target.function], Start)]
    ready = all(
        context.seen.followed is not None or isinstance(alone[context.target.function], Start | Follow | Finish)
        for context in contexts
    )
    if not ready:
        return alone | {
            context.target.function: Wait(Phase.SET, "waits for the others to be ready") for context in starting
        }
    set_id = _partially_started(contexts)
    if any(
        _tried(context, set_id) for context in starting
    ):  # the set went on without the rest, and this is another one
        set_id = None
    if set_id is None and len(starting) > 1:
        if not all(context.seen.notes.enlisted for context in starting):
            names = ", ".join(context.target.function for context in starting)
            note = WriteTag(Enlisted(starting[0].now), f"{names} go together", Phase.SET)
            return alone | {context.target.function: note for context in starting}
        set_id = starting[0].seen.tags.enlisted
    return alone | {
        context.target.function: replace(action, at=set_id)
        for context in starting
        if isinstance(action := alone[context.target.function], Start)
    }


def _partially_started(contexts: Sequence[ReleaseContext]) -> datetime | None:
    """Return the time of a set with only some of its deployments created: its runner died in between."""
    for set_id in sorted(
        {context.seen.tags.enlisted for context in contexts if context.seen.tags.enlisted}, reverse=True
    ):
        tries = {
            context.target.function: _tried(context, set_id)
            for context in contexts
            if context.seen.tags.enlisted == set_id
        }
        failed = any(each.failed for some in tries.values() for each in some)
        if any(tries.values()) and not all(tries.values()) and not failed:
            return set_id
    return None


def _tried(context: ReleaseContext, set_id: datetime | None) -> list[Deployment]:
    """Return the deployments that started with the set of that time."""
    return [each for each in context.seen.ledger if each.entry is not None and each.entry.at == set_id]


def _hold_until_all_done(alone: dict[str, Action]) -> dict[str, Action]:
    """Hold every function until all can finish: a promoted one may yet have to be reverted."""
    return {
        name: Wait(Phase.SET, f"{action.outcome.title}; waits for the others") if isinstance(action, Finish) else action
        for name, action in alone.items()
    }
