"""Decide the next action of a release: `decide(wanted, seen, policy, now)`. Pure.

`Observation` is the only state, and nearly all of it is read back from AWS. So a runner that died resumes by observing
again, and a CreateDeployment whose answer never arrived is found in flight by its fingerprint. Each observation leads
to one small action for each function, after which the runner observes again:

    nothing in flight    _when_idle   unchanged, first, refused, repaired; or the metrics settle and a deployment starts
    something in flight  _adopt_or_wait    this very release is adopted; any other is followed to its end
    ours is followed     _follow  through queue, hooks and canary to promoted, or back until stable is whole

`release_set` decides what the functions of a set do for one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from infra.release.decision import evidence, proven, silence
from infra.release.decision.context import GRACE, ReleaseContext
from infra.release.decision.failure import REMEDIES, REVERTED, failure_reason, rejection
from infra.release.decision.preconditions import (
    incompatible_versions,
    overridden,
    refusals,
    retry_allowed_by_configuration,
    to_note,
    waived,
)
from infra.release.decision.promotion import proved
from infra.release.decision.release_set import decide_set
from infra.release.model.actions import Action, Follow, PointAlias, Probe, RevertDeployment, Start, Stop, Wait, WriteTag
from infra.release.model.commands import WATCH
from infra.release.model.observation import Deployment, Seen, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import First, RetryGrant, Stopped


def decide(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
    """Return the next action for each function of the set, by its name."""
    return decide_set(_contexts(wanted, seen, policy, now), _next_action)


def watch(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
    """As `decide`, for a caller who only watches: follows what is in flight and starts nothing."""
    return decide_set(_contexts(wanted, seen, policy, now), _watch)


def retire(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
    """As `decide`, for a release that is being deleted: rolls a canary in flight back and starts nothing."""
    return decide_set(_contexts(wanted, seen, policy, now), _retire)


def _contexts(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> list[ReleaseContext]:
    return [ReleaseContext(target, seen[target.function], policy, now) for target in wanted]


def _next_action(context: ReleaseContext) -> Action:
    if context.seen.followed is not None:
        return _follow(context, context.seen.followed)
    if context.seen.in_flight is not None:
        return _adopt_or_wait(context, context.seen.in_flight)
    if context.seen.unacknowledged is not None:
        return Follow(context.seen.unacknowledged.id)
    return _adopted(context) if context.target.adopted else _when_idle(context)


def _watch(context: ReleaseContext) -> Action:
    running = context.seen.in_flight
    if context.seen.followed is not None:
        return _follow(context, context.seen.followed)
    if running is None:
        lost = _repair(context) or _revert_failed_set(context)
        return lost or context.finish(Ending.UNCHANGED, "idle", "nothing is in flight")
    return Follow(running.id) if running.entry is not None else _others(context, running)


def _retire(context: ReleaseContext) -> Action:
    running = context.seen.in_flight
    if running is not None and running.rolls_back is None:
        return _stop(context, running, "operator", f"the release is deleted and {running.id} goes back")
    if running is not None and not context.overdue(running):
        return context.wait(Phase.ROLLBACK, f"{running.id} brings traffic back")
    return _repair(context) or context.finish(Ending.UNCHANGED, "retired", "no canary is in flight")


# Something is in flight.


def _adopt_or_wait(context: ReleaseContext, running: Deployment) -> Action:
    """Adopt a deployment that releases or reverts the wanted code; wait for any other."""
    ours = context.seen.reverts(running) or running
    is_ours = ours.entry is not None and ours.entry.fingerprint == context.seen.wanted.fingerprint
    return Follow(running.id) if is_ours else _others(context, running)


def _others(context: ReleaseContext, running: Deployment) -> Wait:
    what = f"rolls {running.rolls_back} back" if running.rolls_back else f"is {running.status.value}"
    return context.wait(Phase.OTHERS, f"{running.id} {what}")


# Nothing is in flight.


def _when_idle(context: ReleaseContext) -> Action:
    seen = context.seen
    if (repair := _repair(context) or _revert_failed_set(context)) is not None:
        return repair
    if seen.alias.shifted is None:
        if not seen.ledger and not seen.tags.first:
            return _first(context)
        astray = proven.astray(context.target, seen)
        if astray and seen.good is not None:
            return PointAlias(seen.good.number, proven.doubt(context.target, seen))
        if seen.live.fingerprint == seen.wanted.fingerprint:
            return (_allowed(context) if astray else None) or _reached(context)
    return _allowed(context) or _start(context)


def _repair(context: ReleaseContext) -> Action | None:
    """Take traffic off a version whose deployment failed, where the ledger shows that it still has some."""
    seen, last = context.seen, context.seen.last_attempt
    if last is None or last.entry is None or not last.failed:
        return None
    wrong, right = {last.entry.fingerprint}, last.entry.stable
    if (reverted := seen.reverts(last)) is not None and reverted.entry is not None:
        wrong, right = {reverted.entry.fingerprint}, last.canary or reverted.entry.stable
    held = {each.fingerprint for each in (seen.live, seen.shifted) if each is not None}
    # CodeDeploy rolls back to what succeeded last, which an operator may have reverted since.
    wrong |= {each for each in held if rejection(each, context.target, seen) is not None} | _of_failed_sets(context)
    right = proven.home(context.target, seen, right, wrong)
    if seen.alias.is_whole_on(right) or not wrong & held:
        return None
    if context.within_grace(last):
        return context.wait(Phase.ROLLBACK, f"{last.id} is {last.status.value}")
    return PointAlias(right, f"{last.id} is {last.status.value} and left the alias on {seen.alias}")


def _revert_failed_set(context: ReleaseContext) -> Action | None:
    """Revert the live version if a runner has condemned it, or if the set that it was promoted with has failed."""
    seen = context.seen
    good = next((each for each in seen.ledger if each.entry and each.status is Status.SUCCEEDED), None)
    if (
        good is None
        or good.entry is None
        or (lost := silence.resolved(seen.tags, good) or context.goes_with_its_set(good)) is None
    ):
        return None
    is_live = seen.alias.shifted is None and seen.live.fingerprint == good.entry.fingerprint
    return _revert(context, good, *lost) if is_live and seen.reverts(good) is None else None


def _of_failed_sets(context: ReleaseContext) -> set[str]:
    """Fingerprints promoted with a set that has failed since: CodeDeploy may have rolled back to one; ours must not."""
    return {
        each.entry.fingerprint
        for each in context.seen.ledger
        if each.entry and each.status is Status.SUCCEEDED and context.failed_with(each) is not None
    }


def _adopted(context: ReleaseContext) -> Action:
    """Leave the function as it is. Where no record is of it, note its live version, so that it counts as no new one."""
    seen, live = context.seen, context.seen.live
    if not seen.ledger and not seen.tags.first and seen.alias.shifted is None and live.fingerprint:
        mark = First(live.number, live.fingerprint, live.digest, live.contract, adopted=True)
        return WriteTag(mark, f"{live.number} is live, and no deployment is on record")
    why = f"the function is adopted, and its alias stays on {seen.alias} until strata:compute.source is managed"
    return context.finish(Ending.UNCHANGED, "adopted", why)


def _first(context: ReleaseContext) -> Action:
    seen, answer = context.seen, context.seen.notes.probe_result
    if (refused := _allowed(context)) is not None:
        return refused
    if answer is None or answer.version != seen.wanted.number:
        return Probe(seen.wanted.number)
    if answer.error is not None:
        detail = (
            f"the first version failed the call that it must answer before the API may reach it: {answer.error}; "
            "repair the function and run again"
        )
        return context.finish(Ending.REFUSED, "probe", detail)
    if seen.live.fingerprint == seen.wanted.fingerprint:
        wanted = seen.wanted
        mark = First(wanted.number, wanted.fingerprint, wanted.digest, wanted.contract, context.policy.commit)
        return WriteTag(mark, f"{seen.wanted.number} answered", Phase.PROBE)
    if seen.traffic == 0:  # an earlier first version failed its probe, so no caller was ever sent to it
        return PointAlias(seen.wanted.number, f"{seen.alias.version} never answered, and the alias has no callers")
    return _start(context)


def _reached(context: ReleaseContext) -> Action:
    seen, live = context.seen, context.seen.live
    if not seen.ledger and seen.notes.probe_result is not None:
        return context.finish(Ending.FIRST, "answered", f"{live.number} answered its first call")
    proof = proven.proof(context.target, seen, live)
    how = proof.how if proof else "and no record says how it went live: CodeDeploy keeps none for ever"
    return context.finish(
        Ending.UNCHANGED, "fingerprint", f"live version {live.number} has this code and configuration, {how}"
    )


def _allowed(context: ReleaseContext) -> Action | None:
    """Refuse a release that must not start; None if no precondition fails or an override covers each that does."""
    wanted = context.seen.wanted
    if (retry_granted := retry_allowed_by_configuration(context)) is not None:
        why = f"release.retry allows {wanted.fingerprint} one more try after {retry_granted.id}"
        return WriteTag(RetryGrant(wanted.fingerprint, retry_granted.id, configured=True), why)
    if not (found := list(refusals(context))):
        return _note_proof(context)
    if not overridden(context):
        remedy = '; to go ahead all the same, set `override: "who: why"` in strata:release'
        return context.finish(Ending.REFUSED, found[0].reason, f"{found[0].detail}{remedy}")
    if (mark := to_note(context, found)) is not None:
        return WriteTag(mark, f"overridden ({mark.refusal})")
    return _made_whole(context)


def _made_whole(context: ReleaseContext) -> PointAlias | None:
    """Point a split alias to one version, since an overridden release needs one to start from."""
    seen, why = context.seen, f"overridden by {context.policy.override}"
    if seen.alias.shifted is not None:
        return PointAlias(proven.home(context.target, seen, seen.alias.version), why)
    return PointAlias(seen.wanted.number, why) if not seen.live.fingerprint else None


def _note_proof(context: ReleaseContext) -> WriteTag | None:
    """Copy the upstream stack's proof into this group's tags: its own ledger is gone once that stack is deleted."""
    proof = proved(context)
    noted = context.seen.tags.proved.get(proof.fingerprint) if proof else None
    if proof is None or (noted is not None and noted.mark == proof):
        return None
    return WriteTag(proof, f"{proof.deployment} of {proof.ended} proved it in {proof.source}, released by {proof.by}")


def _start(context: ReleaseContext) -> Action:
    """Start once the verdict's window holds no metrics of an earlier try: the same code is the same version, so both
    tries would be counted together."""
    seen, wanted = context.seen, context.seen.wanted
    window = timedelta(minutes=context.target.minutes + 1)  # a minute of metrics may straddle the window's edge
    tries = seen.tries(wanted.fingerprint)
    until = max(((each.ended or each.created) + window for each in tries), default=context.now)
    if until > context.now:
        left = (until - context.now).total_seconds()
        return Wait(Phase.SETTLE, f"{tries[0].id} tried {wanted}; its metrics leave the window in {left:.0f} s")
    if (calls := seen.canary.invocations) > 0:
        return Wait(Phase.SETTLE, f"{wanted} had {calls} calls that are still in the verdict's window")
    return Start(
        seen.live.number,
        wanted.number,
        all_at_once=any(True for _ in incompatible_versions(context)),
        waived=waived(context),
    )


# A deployment is followed.


def _follow(context: ReleaseContext, followed: Deployment) -> Action:
    if (reverted := context.seen.reverts(followed)) is not None:
        return _await_revert(context, followed, reverted)
    match followed.status:
        case Status.SUCCEEDED:
            return _verify(context, followed)
        case Status.FAILED | Status.STOPPED:
            return _await_rollback(context, followed)
    return _running(context, followed)


def _running(context: ReleaseContext, followed: Deployment) -> Action:
    if (lost := context.goes_with_its_set(followed)) is not None:
        return _stop(context, followed, *lost)
    if not context.policy.wait:
        detail = f"CodeDeploy shifts the traffic and CloudWatch judges; follow it by {WATCH}"
        return context.finish(Ending.STARTED, "started", detail)
    if followed.status.begun:
        return _shift(context, followed)
    if context.overdue(followed):
        why = f"{followed.id} was still {followed.status.value} {context.longest_wait}"
        return _stop(context, followed, "fault", why)
    return context.wait(Phase.QUEUE, f"{followed.id} is {followed.status.value}")


def _shift(context: ReleaseContext, followed: Deployment) -> Action:
    """Act on a deployment that has begun: before the canary has traffic, while it has a share, and after the shift."""
    alias, target = context.seen.alias, context.target
    stable, canary = context.seen.compared
    if (moved := _moved(context, followed)) is not None:
        return _stop(context, followed, "operator", moved)
    if (why := silence.broken(context, followed)) is not None:
        return _stop(context, followed, "verdict", why)
    if alias.is_whole_on(stable) and target.before_allow_traffic:
        return context.wait(Phase.HOOK, f"{target.before_allow_traffic} tries {canary}")
    if alias.is_whole_on(canary):
        hook = f"; {target.after_allow_traffic} holds {followed.id} open" if target.after_allow_traffic else ""
        return Wait(Phase.BAKE, f"all traffic is on {alias}{hook}; {context.rates}; {context.z}")
    if (why := evidence.missing(context, followed)) is not None:
        return _stop(context, followed, "evidence", why)
    return evidence.top_up(context, followed) or Wait(Phase.CANARY, context.progress)


def _moved(context: ReleaseContext, followed: Deployment) -> str | None:
    """Return why the canary must stop if its weight was removed by hand: CodeDeploy would still shift all, unjudged."""
    alias, (_, canary) = context.seen.alias, context.seen.compared
    began = followed.shifting
    if began is None or context.now - began < GRACE or canary in {alias.version, alias.shifted}:
        return None
    return (
        f"alias {context.target.alias} was moved to {alias} while {followed.id} shifted traffic to {canary}: "
        "UpdateAlias in CloudTrail says by whom"
    )


def _stop(context: ReleaseContext, deployment: Deployment, kind: str, why: str) -> Action:
    """Stop a deployment once a tag says why: CodeDeploy has no field for a stop's reason."""
    if context.seen.tags.stop(deployment.id) is None:
        return WriteTag(Stopped(deployment.id, kind, why), why, Phase.ROLLBACK)
    return Stop(deployment.id, why)


def _verify(context: ReleaseContext, followed: Deployment) -> Action:
    seen, lost = context.seen, silence.resolved(context.seen.tags, followed)
    lost = lost or silence.condemned(context, followed) or context.goes_with_its_set(followed)
    # A watcher may want another version than the one that is in flight.
    released = (followed.entry or seen.wanted).fingerprint
    if seen.alias.shifted is None and seen.live.fingerprint == released:
        if lost is not None:
            return _revert(context, followed, *lost)
        if (why := evidence.lacked(context, followed)) is not None:
            late = evidence.may_rise(context, followed)
            return context.wait(Phase.VERIFY, why) if late else _revert(context, followed, "evidence", why)
        return context.finish(
            Ending.PROMOTED, "verdict", f"{context.rates}, and no alarm fired{evidence.doubt(context)}"
        )
    if context.within_grace(followed):
        return context.wait(Phase.VERIFY, f"{followed.id} has succeeded")
    if lost is not None and seen.alias.is_whole_on(seen.compared[0]):  # another runner was first
        return context.finish(Ending.ROLLED_BACK, *lost)
    detail = "CodeDeploy shifted all traffic, but the alias was moved afterwards; run again to release over it"
    return context.finish(Ending.ROLLED_BACK, "operator", detail)


def _await_rollback(context: ReleaseContext, followed: Deployment) -> Action:
    """Wait until the alias is whole on the recorded stable version, or on a proved one where that is not proved.

    CodeDeploy's rollback does it; where that fails, the runner moves the alias.
    """
    wrong = ({followed.entry.fingerprint} if followed.entry else set()) | _of_failed_sets(context)
    stable = proven.home(context.target, context.seen, context.seen.compared[0], wrong)
    rollback = context.seen.deployment(followed.rollback)
    if rollback is not None and rollback.running and not context.overdue(rollback):
        return context.wait(Phase.ROLLBACK, f"{rollback.id} rolls {followed.id} back")
    if context.seen.alias.is_whole_on(stable) or context.seen.overtaken:
        red = context.seen.red | context.seen.notes.reasons.keys()
        reason, detail = failure_reason(followed, context.target, context.seen.tags, red)
        if reason == "alarm":
            detail += _reasons(context, detail)
        rates = f"; {context.rates}" if context.seen.canary.invocations else ""
        return context.finish(Ending.ROLLED_BACK, reason, f"{detail}{rates}")
    if rollback is None and context.within_grace(followed):
        return context.wait(Phase.ROLLBACK, f"{followed.id} is {followed.status.value}")
    failed = f"{rollback.id} is {rollback.status.value}" if rollback else "CodeDeploy started no rollback"
    return PointAlias(stable, f"{failed}, and the alias is on {context.seen.alias}")


def _reasons(context: ReleaseContext, detail: str) -> str:
    """Return CloudWatch's own reason of each alarm of the user's own that the detail names."""
    known = {**context.seen.reasons, **context.seen.notes.reasons}
    return "".join(f": {known[name]}" for name in context.target.alarms if known.get(name) and f" {name} " in detail)


# A promoted version is reverted.


def _revert(context: ReleaseContext, reverted: Deployment, kind: str, why: str) -> Action:
    """Revert by a deployment, not by UpdateAlias: CodeDeploy rolls back to what its own records say succeeded last."""
    if context.seen.tags.stop(reverted.id) is None or reverted.entry is None:
        return WriteTag(Stopped(reverted.id, kind, why), why, Phase.ROLLBACK)
    stable = proven.before(context.target, context.seen, reverted)
    return RevertDeployment(context.seen.live.number, stable, reverted.entry.at, why)


def _await_revert(context: ReleaseContext, followed: Deployment, reverted: Deployment) -> Action:
    _, stable = context.seen.compared
    if followed.running and not context.overdue(followed):
        return context.wait(Phase.ROLLBACK, f"{followed.id} reverts {reverted.id}")
    if context.seen.alias.is_whole_on(stable) or context.seen.overtaken:
        stop = context.seen.tags.stop(reverted.id)
        reason, detail = (stop.kind, f"{stop.why}{REMEDIES.get(stop.kind, '')}") if stop else REVERTED
        return context.finish(Ending.ROLLED_BACK, reason, f"{detail}; {followed.id} took {reverted.id} back")
    if context.within_grace(followed):
        return context.wait(Phase.ROLLBACK, f"{followed.id} is {followed.status.value}")
    return PointAlias(stable, f"{followed.id} is {followed.status.value}, and the alias is on {context.seen.alias}")
