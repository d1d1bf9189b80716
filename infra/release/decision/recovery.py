"""States that a release can be stuck in, and the one safe way out of each. Pure.

    split   traffic is shared by two versions, nothing is in flight, and no record explains it
    left    a deployment by Strata ended badly, and its version still has traffic
    orphan  a deployment in flight is not Strata's, or its alias was moved meanwhile
    hung    a deployment has not begun, or not gone back, within the longest wait
    half    a set was promoted in part

Only an operator can say which version of a split alias should be live, or whether a set goes on whose runner died
before it had started all. For the rest the records say what is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from infra.release.decision import next_action, proven
from infra.release.decision.context import Decide, ReleaseContext
from infra.release.decision.operator import promoted, rejections, stop
from infra.release.model.actions import Action, Finish, Follow, PointAlias, RevertDeployment, Wait, WriteTag
from infra.release.model.commands import ROLLBACK
from infra.release.model.observation import Deployment, Observation, Seen
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import Stopped


@dataclass(frozen=True)
class Finding:
    """One stuck state. `act`: what `unstick` does about it, in words; where nothing is safe to do, the `remedy`."""

    kind: str
    function: str
    what: str
    act: str = ""
    remedy: str = ""
    deployment: str = ""  # to be followed
    version: str = ""  # that is to have all traffic, as an operator says


def findings(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> list[Finding]:
    """Return every stuck state of the release."""
    watched = next_action.watch(wanted, seen, policy, now)
    found = []
    for target in wanted:
        context = ReleaseContext(target, seen[target.function], policy, now)
        alone = _in_flight(context, running) if (running := context.seen.in_flight) else _at_rest(context)
        found += [each for each in (alone, _failed_set(context, watched[target.function])) if each][:1]
    return found + list(_partial_set(seen))


def choices(target: Target, seen: Observation) -> list[str]:
    """Versions that may get all traffic of a split alias: those it holds that are proved, the one proved last, and the
    one that the live version replaced. Where nothing is proved, those it holds, unless rejected."""
    held = [each for each in (seen.live, seen.shifted) if each]
    proved = [each.number for each in held if proven.proof(target, seen, each)]
    if not proved and seen.good is None:
        rejected = {each.fingerprint for each in rejections(target, seen)}
        return [each.number for each in held if each.fingerprint not in rejected]
    last = promoted(seen)
    origin = [proven.before(target, seen, last)] if last else []
    return list(dict.fromkeys([*proved, *([seen.good.number] if seen.good else []), *origin]))


def with_choice(finding: Finding, to: str) -> Finding:
    """Return the finding of a split alias, with the operator's choice of the version that gets all traffic."""
    return replace(finding, act=f"sends all traffic to {to}", remedy="", version=to)


def recover(found: Sequence[Finding]) -> Decide:
    """Do the one safe thing about each finding that has one; then watch."""

    def decide(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
        actions = next_action.watch(wanted, seen, policy, now)
        contexts = {each.function: ReleaseContext(each, seen[each.function], policy, now) for each in wanted}
        return actions | {
            each.function: _recovery_action(contexts[each.function], each) or actions[each.function]
            for each in found
            if each.act
        }

    return decide


def _recovery_action(context: ReleaseContext, finding: Finding) -> Action | None:
    """Return the next action if `next_action.watch` would not take it by itself; else None."""
    seen, why = context.seen, f"unstick: {finding.kind}"
    match finding.kind:
        case "orphan":
            return stop(seen, finding.deployment, why)
        case "hung" if seen.followed is None:
            return Follow(finding.deployment)
        case "split" if seen.alias.shifted is not None:
            return PointAlias(finding.version, why)
        case "left":
            return _repair(context)
    return None


def _repair(context: ReleaseContext) -> Action | None:
    name = context.target.function
    action = next_action.retire([context.target], {name: context.seen}, context.policy, context.now)[name]
    return None if isinstance(action, Finish) else action


# What is found


def _in_flight(context: ReleaseContext, running: Deployment) -> Finding | None:
    seen, name, late = context.seen, context.target.function, context.overdue(running)
    if running.rolls_back is not None:
        what = (
            f"{running.id} has been {running.status.value} {context.longest_wait}, and rolls {running.rolls_back} back"
        )
        act = "sends all traffic to the version that it started from"
        return Finding("hung", name, what, act, deployment=running.rolls_back) if late else None
    stopped = "stops it and has CodeDeploy roll it back"
    if (entry := running.entry) is None:
        what = f"{running.id} is {running.status.value} and has no line of the ledger: it was started outside of Strata"
        return Finding("orphan", name, what, stopped, deployment=running.id)
    held = [version for version in (seen.live, seen.shifted) if version is not None]
    if any(each.number != entry.stable and each.fingerprint != entry.fingerprint for each in held):
        what = (
            f"{running.id} shifts traffic from {entry.stable} to fingerprint {entry.fingerprint}, but the alias "
            f"was moved to {seen.alias}"
        )
        home = proven.home(context.target, seen, entry.stable, {entry.fingerprint})
        act = f"{stopped}, then sends all traffic to {home}{', from which it started' if home == entry.stable else ''}"
        return Finding("orphan", name, what, act, deployment=running.id)
    if late and (not running.status.begun or seen.reverts(running) is not None):
        what = f"{running.id} is {running.status.value} {context.longest_wait}; see CodeDeploy's quotas and events"
        return Finding("hung", name, what, stopped, deployment=running.id)
    return None


def _at_rest(context: ReleaseContext) -> Finding | None:
    seen, name = context.seen, context.target.function
    match _repair(context):
        case PointAlias(version, why):
            return Finding("left", name, why, f"sends all traffic to {version}, from which it started")
        case Wait(_, why):
            return Finding("left", name, why, "gives CodeDeploy a minute, then sends all traffic back to stable")
    if seen.alias.shifted is None:
        return None
    where = f"alias {context.target.alias} is on {seen.alias}"
    what = f"{where}; nothing is in flight, and no deployment by Strata explains it"
    which = ", ".join(choices(context.target, seen))
    return Finding("split", name, what, remedy=f"say which version should be live by `--to`: {which}")


def _failed_set(context: ReleaseContext, action: Action) -> Finding | None:
    """Return the finding of a function that was promoted before its set failed."""
    match action:
        case WriteTag(Stopped(deployment, "set"), why) if (last := context.seen.deployment(deployment)) and last.entry:
            back = proven.before(context.target, context.seen, last)
        case RevertDeployment(_, back, _, why):
            pass
        case _:
            return None
    return Finding("half", context.target.function, f"live on {context.seen.alias}, but {why}", f"reverts it to {back}")


def _partial_set(seen: Seen) -> Iterator[Finding]:
    """Yield the finding of a set whose runner died before it had started all functions."""
    for set_id in {each.tags.enlisted for each in seen.values() if each.tags.enlisted}:
        enlisted = {name: each for name, each in seen.items() if each.tags.enlisted == set_id}
        live = [
            name for name, each in enlisted.items() if (one := promoted(each)) and one.entry and one.entry.at == set_id
        ]
        never = [
            name
            for name, each in enlisted.items()
            if not any(one.entry and one.entry.at == set_id for one in each.ledger)
        ]
        at_rest = all(each.in_flight is None for each in enlisted.values())
        if live and never and at_rest:
            what = f"{', '.join(live)} went ahead alone: the runner ended before it had started {', '.join(never)}"
            remedy = f"complete the set by `pulumi up` of the same commit, or revert it by {ROLLBACK}"
            yield Finding("half", never[0], what, remedy=remedy)
