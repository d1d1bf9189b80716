"""What to do next: `decide(wanted, seen, policy, now)`, pure.

There is no state but what `Observation` holds, nearly all of it read back from AWS. So a runner that died resumes by
looking again, and a CreateDeployment whose answer was lost is found in flight by its fingerprint. One look leads to one
small action for each function, after which the runner looks again:

    nothing in flight    _begin   unchanged, first, refused, repaired; or the metrics settle and a deployment starts
    something in flight  _join    this very release is adopted; any other is followed to its end
    ours is followed     _follow  through queue, hooks and canary to promoted, or back until stable is whole

What the functions of a set do for one another stands in `together`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from infra.release.decision import evidence, proven, silence
from infra.release.decision.context import GRACE, Case
from infra.release.decision.failure import blame, rejection
from infra.release.decision.preconditions import overridden, pardonable, refusals, to_note, unlike, waived
from infra.release.decision.promotion import proved
from infra.release.decision.release_set import together
from infra.release.model.actions import Action, Follow, Note, PointAlias, Probe, Start, Stop, TakeBack, Wait
from infra.release.model.commands import WATCH
from infra.release.model.observation import Deployment, Observation, Status
from infra.release.model.outcome import Ending, Phase
from infra.release.model.spec import ReleasePolicy, Target
from infra.release.model.tags import First, Pardon, Stopped

Seen = Mapping[str, Observation]


def decide(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
    """The next action for each function of the set, by its name."""
    return together(_cases(wanted, seen, policy, now), _next)


def watch(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
    """As `decide`, for one who only watches: what is in flight is followed, and nothing new starts."""
    return together(_cases(wanted, seen, policy, now), _watch)


def retire(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> dict[str, Action]:
    """As `decide`, for a release that is deleted: a canary in flight goes back, and nothing new starts."""
    return together(_cases(wanted, seen, policy, now), _retire)


def _cases(wanted: Sequence[Target], seen: Seen, policy: ReleasePolicy, now: datetime) -> list[Case]:
    return [Case(target, seen[target.function], policy, now) for target in wanted]


def _next(case: Case) -> Action:
    if case.seen.followed is not None:
        return _follow(case, case.seen.followed)
    if case.seen.in_flight is not None:
        return _join(case, case.seen.in_flight)
    if case.seen.unheard is not None:
        return Follow(case.seen.unheard.id)
    return _begin(case)


def _watch(case: Case) -> Action:
    running = case.seen.in_flight
    if case.seen.followed is not None:
        return _follow(case, case.seen.followed)
    if running is None:
        lost = _repair(case) or _take_lost_back(case)
        return lost or case.finish(Ending.UNCHANGED, "idle", "nothing is in flight")
    return Follow(running.id) if running.entry is not None else _others(case, running)


def _retire(case: Case) -> Action:
    running = case.seen.in_flight
    if running is not None and running.rolls_back is None:
        return _stop(case, running, "operator", f"the release is deleted and {running.id} goes back")
    if running is not None and not case.overdue(running):
        return case.wait(Phase.ROLLBACK, f"{running.id} brings traffic back")
    return _repair(case) or case.finish(Ending.UNCHANGED, "retired", "no canary is in flight")


# Something is in flight.


def _join(case: Case, running: Deployment) -> Action:
    """Follow what is this very release, forth or back."""
    ours = case.seen.taken_back_by(running) or running
    is_ours = ours.entry is not None and ours.entry.fingerprint == case.seen.wanted.fingerprint
    return Follow(running.id) if is_ours else _others(case, running)


def _others(case: Case, running: Deployment) -> Wait:
    what = f"rolls {running.rolls_back} back" if running.rolls_back else f"is {running.status.value}"
    return case.wait(Phase.OTHERS, f"{running.id} {what}")


# Nothing is in flight.


def _begin(case: Case) -> Action:
    seen = case.seen
    if (repair := _repair(case) or _take_lost_back(case)) is not None:
        return repair
    if seen.alias.shifted is None:
        if not seen.ledger and not seen.tags.first:
            return _first(case)
        astray = proven.astray(case.target, seen)
        if astray and seen.good is not None:
            return PointAlias(seen.good.number, proven.doubt(case.target, seen))
        if seen.live.fingerprint == seen.wanted.fingerprint:
            return (_allowed(case) if astray else None) or _reached(case)
    return _allowed(case) or _start(case)


def _repair(case: Case) -> Action | None:
    """Take traffic off a version whose deployment failed, where the ledger shows that nobody has yet."""
    seen, last = case.seen, case.seen.last_attempt
    if last is None or last.entry is None or not last.failed:
        return None
    wrong, right = {last.entry.fingerprint}, last.entry.stable
    if (forth := seen.taken_back_by(last)) is not None and forth.entry is not None:
        wrong, right = {forth.entry.fingerprint}, last.canary or forth.entry.stable
    held = {each.fingerprint for each in (seen.live, seen.shifted) if each is not None}
    # CodeDeploy's own way back leads to what succeeded last, which an operator may have taken back since.
    wrong |= {each for each in held if rejection(each, case.target, seen) is not None}
    right = proven.home(case.target, seen, right, wrong)
    if seen.alias.is_whole_on(right) or not wrong & held:
        return None
    if case.within_grace(last):
        return case.wait(Phase.ROLLBACK, f"{last.id} is {last.status.value}")
    return PointAlias(right, f"{last.id} is {last.status.value} and left the alias on {seen.alias}")


def _take_lost_back(case: Case) -> Action | None:
    """Take back what is live, where a runner has resolved so, or the set that it was promoted with has failed since."""
    seen = case.seen
    good = next((each for each in seen.ledger if each.entry and each.status is Status.SUCCEEDED), None)
    if good is None or good.entry is None or (lost := _lost(case, good, silence.resolved(seen.tags, good))) is None:
        return None
    is_live = seen.alias.shifted is None and seen.live.fingerprint == good.entry.fingerprint
    return _take_back(case, good, *lost) if is_live and seen.taken_back_by(good) is None else None


def _lost(case: Case, deployment: Deployment, condemned: str | None) -> tuple[str, str] | None:
    """The reason, and its words, for which a deployment that has succeeded goes back; None where it stays."""
    if condemned is not None:
        return "verdict", condemned
    culprit = case.lost_with(deployment)
    return ("set", f"{culprit} was not promoted and the set goes together") if culprit is not None else None


def _first(case: Case) -> Action:
    seen, answer = case.seen, case.seen.notes.answer
    if (refused := _allowed(case)) is not None:
        return refused
    if answer is None or answer.version != seen.wanted.number:
        return Probe(seen.wanted.number)
    if answer.error is not None:
        detail = (
            f"the first version failed the call that it must answer before the API may reach it: {answer.error}; "
            "repair the function and run again"
        )
        return case.finish(Ending.REFUSED, "probe", detail)
    if seen.live.fingerprint == seen.wanted.fingerprint:
        wanted = seen.wanted
        mark = First(wanted.number, wanted.fingerprint, wanted.digest, wanted.contract, case.policy.commit)
        return Note(mark, f"{seen.wanted.number} answered", Phase.PROBE)
    if seen.traffic == 0:  # an earlier first version failed its probe, so nobody was ever sent to it
        return PointAlias(seen.wanted.number, f"{seen.alias.version} never answered, and nobody calls the alias")
    return _start(case)


def _reached(case: Case) -> Action:
    seen, live = case.seen, case.seen.live
    if not seen.ledger and seen.notes.answer is not None:
        return case.finish(Ending.FIRST, "answered", f"{live.number} answered its first call")
    proof = proven.proof(case.target, seen, live)
    how = proof.how if proof else "and no record says how it went live: CodeDeploy keeps none for ever"
    return case.finish(
        Ending.UNCHANGED, "fingerprint", f"live version {live.number} has this code and configuration, {how}"
    )


def _allowed(case: Case) -> Action | None:
    """Refuse what must not be started; None where nothing is in the way, or all of it has been set aside."""
    wanted = case.seen.wanted
    if (pardoned := pardonable(case)) is not None:
        why = f"release.retry allows {wanted.fingerprint} one more try after {pardoned.id}"
        return Note(Pardon(wanted.fingerprint, pardoned.id, configured=True), why)
    if not (found := list(refusals(case))):
        return _note_proof(case)
    if not overridden(case):
        remedy = '; to go ahead all the same, set `override: "who: why"` in strata:release'
        return case.finish(Ending.REFUSED, found[0].reason, f"{found[0].detail}{remedy}")
    if (mark := to_note(case, found)) is not None:
        return Note(mark, f"overridden ({mark.refusal})")
    return _made_whole(case)


def _made_whole(case: Case) -> PointAlias | None:
    """An overridden release needs one version to start from."""
    seen, why = case.seen, f"overridden by {case.policy.override}"
    if seen.alias.shifted is not None:
        return PointAlias(proven.home(case.target, seen, seen.alias.version), why)
    return PointAlias(seen.wanted.number, why) if not seen.live.fingerprint else None


def _note_proof(case: Case) -> Note | None:
    """What another stack's ledger says is gone when that stack is, so this one's group keeps it."""
    proof = proved(case)
    noted = case.seen.tags.proved.get(proof.fingerprint) if proof else None
    if proof is None or (noted is not None and noted.mark == proof):
        return None
    return Note(proof, f"{proof.deployment} of {proof.ended} proved it in {proof.source}, released by {proof.by}")


def _start(case: Case) -> Action:
    """Start once the verdict's window holds nothing of an earlier try: one code has one version, hence its metrics."""
    seen, wanted = case.seen, case.seen.wanted
    window = timedelta(minutes=case.target.minutes + 1)  # a minute of metrics may straddle the window's edge
    tries = seen.tries(wanted.fingerprint)
    until = max(((each.ended or each.created) + window for each in tries), default=case.now)
    if until > case.now:
        left = (until - case.now).total_seconds()
        return Wait(Phase.SETTLE, f"{tries[0].id} tried {wanted}; its metrics leave the window in {left:.0f} s")
    if (calls := seen.canary.invocations) > 0:
        return Wait(Phase.SETTLE, f"{wanted} had {calls} calls that are still in the verdict's window")
    return Start(seen.live.number, wanted.number, abrupt=any(True for _ in unlike(case)), waived=waived(case))


# A deployment is followed.


def _follow(case: Case, followed: Deployment) -> Action:
    if (forth := case.seen.taken_back_by(followed)) is not None:
        return _taken_back(case, followed, forth)
    match followed.status:
        case Status.SUCCEEDED:
            return _verify(case, followed)
        case Status.FAILED | Status.STOPPED:
            return _way_back(case, followed)
    return _running(case, followed)


def _running(case: Case, followed: Deployment) -> Action:
    if (culprit := case.lost_with(followed)) is not None:
        return _stop(case, followed, "set", f"{culprit} was not promoted and the set goes together")
    if not case.policy.wait:
        detail = f"CodeDeploy shifts the traffic and CloudWatch judges; follow it by {WATCH}"
        return case.finish(Ending.STARTED, "started", detail)
    if followed.status.begun:
        return _shift(case, followed)
    if case.overdue(followed):
        why = f"{followed.id} was still {followed.status.value} {case.longest_wait}"
        return _stop(case, followed, "fault", why)
    return case.wait(Phase.QUEUE, f"{followed.id} is {followed.status.value}")


def _shift(case: Case, followed: Deployment) -> Action:
    """Before the canary has traffic, while it has a share, and after the shift."""
    alias, target = case.seen.alias, case.target
    stable, canary = case.seen.compared
    if (moved := _moved(case, followed)) is not None:
        return _stop(case, followed, "operator", moved)
    if (why := silence.broken(case, followed)) is not None:
        return _stop(case, followed, "verdict", why)
    if alias.is_whole_on(stable) and target.before_allow_traffic:
        return case.wait(Phase.HOOK, f"{target.before_allow_traffic} tries {canary}")
    if alias.is_whole_on(canary):
        hook = f"; {target.after_allow_traffic} holds {followed.id} open" if target.after_allow_traffic else ""
        return Wait(Phase.BAKE, f"all traffic is on {alias}{hook}; {case.rates}; {case.z}")
    if (why := evidence.missing(case, followed)) is not None:
        return _stop(case, followed, "evidence", why)
    return evidence.top_up(case, followed) or Wait(Phase.CANARY, f"alias on {alias}; {case.rates}; {case.z}")


def _moved(case: Case, followed: Deployment) -> str | None:
    """That somebody took the canary's traffic away: by its curve all of it would still follow, judged by nothing."""
    alias, (_, canary) = case.seen.alias, case.seen.compared
    began = followed.shifting
    if began is None or case.now - began < GRACE or canary in {alias.version, alias.shifted}:
        return None
    return (
        f"somebody moved alias {case.target.alias} to {alias} while {followed.id} shifted traffic to {canary}: "
        "UpdateAlias in CloudTrail says who"
    )


def _stop(case: Case, deployment: Deployment, kind: str, why: str) -> Action:
    """CodeDeploy has no field for a stop's reason, so the tag goes before it."""
    if case.seen.tags.stop(deployment.id) is None:
        return Note(Stopped(deployment.id, kind, why), why, Phase.ROLLBACK)
    return Stop(deployment.id, why)


def _verify(case: Case, followed: Deployment) -> Action:
    seen, lost = case.seen, _lost(case, followed, silence.condemned(case, followed))
    # A watcher may want another version than the one that is in flight.
    released = (followed.entry or seen.wanted).fingerprint
    if seen.alias.shifted is None and seen.live.fingerprint == released:
        if lost is not None:
            return _take_back(case, followed, *lost)
        return case.finish(Ending.PROMOTED, "verdict", f"{case.rates}, and no alarm fired{evidence.doubt(case)}")
    if case.within_grace(followed):
        return case.wait(Phase.VERIFY, f"{followed.id} has succeeded")
    if lost is not None and seen.alias.is_whole_on(seen.compared[0]):  # another runner was first
        return case.finish(Ending.ROLLED_BACK, *lost)
    detail = "CodeDeploy shifted all traffic, but somebody has moved the alias since; run again to release over it"
    return case.finish(Ending.ROLLED_BACK, "operator", detail)


def _way_back(case: Case, followed: Deployment) -> Action:
    """Until the alias is whole on the recorded stable version, or on what is proved where that is not: by CodeDeploy,
    and by the runner where that fails."""
    wrong = {followed.entry.fingerprint} if followed.entry else set()
    stable = proven.home(case.target, case.seen, case.seen.compared[0], wrong)
    rollback = case.seen.deployment(followed.rollback)
    if rollback is not None and rollback.running and not case.overdue(rollback):
        return case.wait(Phase.ROLLBACK, f"{rollback.id} rolls {followed.id} back")
    if case.seen.alias.is_whole_on(stable) or case.seen.overtaken:
        reason, detail = blame(followed, case.target, case.seen.tags, case.seen.red)
        rates = f"; {case.rates}" if case.seen.canary.invocations else ""
        return case.finish(Ending.ROLLED_BACK, reason, f"{detail}{rates}")
    if rollback is None and case.within_grace(followed):
        return case.wait(Phase.ROLLBACK, f"{followed.id} is {followed.status.value}")
    failed = f"{rollback.id} is {rollback.status.value}" if rollback else "CodeDeploy started no rollback"
    return PointAlias(stable, f"{failed}, and the alias is on {case.seen.alias}")


# What was promoted goes back.


def _take_back(case: Case, forth: Deployment, kind: str, why: str) -> Action:
    """By a deployment of its own, so that CodeDeploy's record, where it looks for what was last good, stays true."""
    if case.seen.tags.stop(forth.id) is None or forth.entry is None:
        return Note(Stopped(forth.id, kind, why), why, Phase.ROLLBACK)
    stable = proven.before(case.target, case.seen, forth)
    return TakeBack(case.seen.live.number, stable, forth.entry.at, why)


def _taken_back(case: Case, followed: Deployment, forth: Deployment) -> Action:
    _, stable = case.seen.compared
    if followed.running and not case.overdue(followed):
        return case.wait(Phase.ROLLBACK, f"{followed.id} takes {forth.id} back")
    if case.seen.alias.is_whole_on(stable) or case.seen.overtaken:
        stop = case.seen.tags.stop(forth.id)
        reason, detail = (stop.kind, stop.why) if stop else ("operator", "it was taken back")
        return case.finish(Ending.ROLLED_BACK, reason, f"{detail}; {followed.id} took {forth.id} back")
    if case.within_grace(followed):
        return case.wait(Phase.ROLLBACK, f"{followed.id} is {followed.status.value}")
    return PointAlias(stable, f"{followed.id} is {followed.status.value}, and the alias is on {case.seen.alias}")
