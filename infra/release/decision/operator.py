"""An operator's requests, abort and rollback, as decisions of the runner. Pure.

Each wraps `next_action.watch`: it starts what the operator asked for, and the end of that is watched by the same rules
as any other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.release.decision import next_action, proven
from infra.release.decision.context import Decide, ReleaseContext
from infra.release.decision.failure import ended, rejection
from infra.release.model.actions import Action, Follow, RevertDeployment, Stop, WriteTag
from infra.release.model.commands import ABORT
from infra.release.model.observation import Deployment, Observation, Seen, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import Stopped


def abort(stops: Mapping[str, str], why: str) -> Decide:
    """Stop those deployments, by function, and have CodeDeploy roll them back; then watch."""

    def decide(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
        actions = next_action.watch(wanted, seen, policy, now)
        return actions | {name: stop(seen[name], id_, why) or actions[name] for name, id_ in stops.items()}

    return decide


def stop(seen: Observation, deployment: str, why: str) -> Action | None:
    """Return the next step to stop a deployment: adopt it, record why in a tag, stop it; None once it has ended."""
    if seen.notes.following is None:
        return Follow(deployment)
    running = seen.deployment(deployment)
    if running is None or running.status.ended:
        return None
    mark = Stopped(deployment, "operator", why)
    return Stop(deployment, why) if seen.tags.stop(deployment) == mark else WriteTag(mark, why, Phase.ROLLBACK)


def revert(reverted: Mapping[str, Deployment], why: str) -> Decide:
    """Revert those deployments, by function, each by a deployment of its own; then watch."""

    def decide(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
        actions = next_action.watch(wanted, seen, policy, now)
        contexts = {each.function: ReleaseContext(each, seen[each.function], policy, now) for each in wanted}
        return actions | {name: _revert(contexts[name], each, why) or actions[name] for name, each in reverted.items()}

    return decide


def _revert(context: ReleaseContext, reverted: Deployment, why: str) -> Action | None:
    seen = context.seen
    if seen.followed is not None or reverted.entry is None:
        return None
    known = seen.deployment(reverted.id)
    if known is not None and (revert := seen.revert_of(known)) is not None:
        return Follow(revert.id)
    if seen.in_flight is not None:
        return context.finish(Ending.REFUSED, "busy", f"{seen.in_flight.id} has been started meanwhile; {ABORT_IT}")
    if seen.alias.shifted is not None or seen.live.fingerprint != reverted.entry.fingerprint:
        return context.finish(
            Ending.REFUSED, "moved", f"the alias has been moved meanwhile, to {seen.alias}; {SEE_STATUS}"
        )
    mark = Stopped(reverted.id, "operator", why)
    if seen.tags.stop(reverted.id) != mark:
        return WriteTag(mark, why, Phase.ROLLBACK)
    return RevertDeployment(seen.live.number, proven.before(context.target, seen, reverted), reverted.entry.at, why)


ABORT_IT = f"bring it back by {ABORT}"
SEE_STATUS = "look again by `python -m infra.release status --stack STACK`"


# What the records say


def promoted(seen: Observation) -> Deployment | None:
    """Return Strata's deployment that promoted the live version and was not reverted; None if there is none."""
    tries = (each for each in seen.tries(seen.live.fingerprint) if each.status is Status.SUCCEEDED)
    return next((each for each in tries if seen.revert_of(each) is None), None)


def last_promoted_set(seen: Seen) -> dict[str, Deployment]:
    """Return the deployments of the set that was promoted last and is still live, by function."""
    found = {name: reverted for name, each in seen.items() if (reverted := promoted(each)) is not None}
    newest = max((each.entry.at for each in found.values() if each.entry), default=None)
    return {name: each for name, each in found.items() if each.entry and each.entry.at == newest}


def released_with(seen: Seen, functions: Collection[str]) -> set[str]:
    """Return those functions, and all that were released in one set with their deployment in flight or newest one."""
    set_ids = {
        each.entry.at
        for name in functions
        for each in (seen[name].in_flight, seen[name].last_attempt)
        if each is not None and each.entry is not None
    }
    others = {name for name, each in seen.items() if any(one.entry and one.entry.at in set_ids for one in each.ledger)}
    return {*functions} | others


@dataclass(frozen=True)
class Rejection:
    """A rejected fingerprint. `retry_granted`: one more try of it is allowed, and has not been made."""

    fingerprint: str
    deployment: Deployment
    reason: str
    detail: str
    retry_granted: bool


def rejections(target: Target, seen: Observation) -> list[Rejection]:
    """Return every fingerprint that the records reject, the newest first."""
    tried = dict.fromkeys(each.entry.fingerprint for each in seen.ledger if each.entry)
    retry_granted = {each.deployment for each in seen.tags.retry_grants}
    found = [
        Rejection(fingerprint, each, *ended(each, target, seen.tags), each.id in retry_granted)
        for fingerprint in tried
        if (each := rejection(fingerprint, target, seen)) is not None
    ]
    return sorted(found, key=lambda each: each.deployment.created, reverse=True)
