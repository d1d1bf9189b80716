"""`status`: what is live, in flight, refused and noted, function by function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from infra.console import Exit, Json, answer
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Opened, opened
from infra.release.cli.status_tree import Traffic, traffic, tree
from infra.release.decision import next_action, operator, preconditions, recovery
from infra.release.decision.context import ReleaseContext
from infra.release.decision.failure import ended
from infra.release.model.actions import Action, Finish, Follow, Probe, Start
from infra.release.model.commands import UNSTICK
from infra.release.model.observation import Deployment, Observation, Status
from infra.release.model.outcome import Ending
from infra.release.model.tags import Overridden, RecordedTag, RetryGrant, Stopped
from infra.release.verdict.judge import Counts, judge

Told = dict[str, Any]
Real = Callable[[datetime], datetime]
"""From the clock's time to AWS's."""


def status(*, stack: Stack, function: Function = "", as_json: Json = False) -> None:
    """Tell what is live, what is in flight, how the last deployment ended, and what is refused.

    Live: the digest, the commit, who brought it there and when. Also what is stuck, and the pardons, overrides and
    stops that are noted. Ends with 1 where something is stuck, or the last deployment went back.
    """
    with answering(as_json=as_json):
        found = observed(opened(stack), function)
    reports = {each.function: each.told for each in found}
    bad = any(each["stuck"] or (each["last"] or {}).get("outcome") == Ending.ROLLED_BACK for each in reports.values())
    document = {"stack": stack, "functions": reports}
    answer(document, *found, as_json=as_json, code=Exit.FAILED if bad else Exit.OK)


@dataclass(frozen=True)
class FunctionStatus:
    """The report on one function: a tree on a terminal, lines elsewhere."""

    function: str
    told: Told
    traffic: Traffic

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.is_terminal:
            yield tree(self.function, self.told, self.traffic, notes(self.told), width=options.max_width)
        else:
            yield table(self.function, self.told)


def reported(release: Opened, function: str) -> dict[str, Told]:
    """The report on each function, by name."""
    return {each.function: each.told for each in observed(release, function)}


def observed(release: Opened, function: str) -> list[FunctionStatus]:
    """The status of the function, or of each where `function` is empty."""
    asked, seen = release.one(function), release.look()
    found = recovery.findings(release.targets, seen, release.policy, release.clock.now())
    if following := {name: each.rolls_back or each.id for name, one in seen.items() if (each := one.in_flight)}:
        seen = release.look(following)
    now = release.clock.now()
    watched = next_action.watch(release.targets, seen, release.policy, now)
    contexts = [ReleaseContext(target, seen[target.function], release.policy, now) for target in asked.targets]
    return [
        status_of(
            context,
            watched[context.target.function],
            [each for each in found if each.function == context.target.function],
            release.clock.real,
        )
        for context in contexts
    ]


def status_of(context: ReleaseContext, watched: Action, found: list[recovery.Finding], real: Real) -> FunctionStatus:
    """The report on a function and its traffic. `watched`: what a watcher would do next."""
    return FunctionStatus(context.target.function, report(context, watched, found, real), traffic(context))


def report(context: ReleaseContext, watched: Action, found: list[recovery.Finding], real: Real) -> Told:
    """All there is to tell of one function, as JSON. `watched`: what a watcher would do next."""
    seen, tags = context.seen, context.seen.tags
    running = seen.followed or seen.in_flight
    rejected = operator.rejections(context.target, seen)
    return {
        "live": _live(seen, real),
        "in_flight": _in_flight(context, running, watched, real) if running else None,
        "last": _last(context, real),
        "stuck": [{"kind": each.kind, "what": each.what, "act": each.act, "remedy": each.remedy} for each in found],
        "refusals": [asdict(each) for each in _standing(context)],
        "rejected": [
            {
                "fingerprint": each.fingerprint,
                "deployment": each.deployment.id,
                "at": _moment(real(each.deployment.created)),
                "reason": each.reason,
                "detail": each.detail,
                "forgiven": each.retry_granted,
            }
            for each in rejected
        ],
        "pardons": [
            {
                **_noted(each),
                "standing": any(one.retry_granted and one.deployment.id == mark.deployment for one in rejected),
            }
            for each in (tags.forgiven, tags.retried)
            if each and isinstance(mark := each.mark, RetryGrant)
        ],
        "override": _noted(tags.overridden) if tags.overridden else None,
        "stops": [_noted(each) for each in sorted(tags.stopped.values(), key=lambda each: each.at, reverse=True)],
    }


def _live(seen: Observation, real: Real) -> Told:
    """What has the traffic, and who brought it there: None for those where no record of ours says."""
    moved = next((each for each in seen.ledger if each.status is Status.SUCCEEDED and each.entry), None)
    by = since = None
    if moved is not None and moved.entry is not None and moved.entry.fingerprint == seen.live.fingerprint:
        by, since = moved.entry.by, _moment(real(moved.ended or moved.created))
    elif moved is None and (first := seen.tags.answered) is not None:
        by, since = first.by, first.at
    return {
        "version": seen.live.number,
        "alias": str(seen.alias),
        "digest": seen.live.digest,
        "fingerprint": seen.live.fingerprint,
        "commit": seen.live_commit,
        "by": by,
        "since": since,
    }


def _in_flight(context: ReleaseContext, running: Deployment, watched: Action, real: Real) -> Told:
    seen, entry = context.seen, running.entry
    stable, canary = seen.compared
    told: Told = {
        "deployment": running.id,
        "status": running.status.value,
        "since": _moment(real(running.created)),
        "commit": entry.commit if entry else None,
        "by": entry.by if entry else None,
        "from": stable,
        "to": running.canary or canary,
        "weight": seen.alias.weight,
        "phase": watched.phase.name.lower(),
        "text": _text(watched),
        "stable": _counts(seen.stable),
        "canary": _counts(seen.canary),
        "z": round(judge(seen.stable, seen.canary, context.policy.rule).z, 2),
    }
    if entry is None:  # what its versions did is not counted, and nothing judges them
        told |= {"phase": "others", "text": "not started by Strata", "stable": None, "canary": None, "z": None}
    return told


def _text(action: Action) -> str:
    match action:
        case Finish(outcome):
            return outcome.text
        case Probe() | Start() | Follow():
            return action.phase.value
    return action.why


def _counts(counts: Counts) -> Told:
    return {"requests": counts.invocations, "errors": counts.errors}


def _last(context: ReleaseContext, real: Real) -> Told | None:
    """How the newest deployment that has ended did: promoted or rolled back, and why."""
    seen = context.seen
    closed = (each for each in seen.ledger if each.rolls_back is None and each.status.ended)
    if (last := next(closed, None)) is None:
        return None
    reverted = seen.reverts(last) or last
    went_back = reverted.failed or reverted is not last
    # A stop that came too late has left its tag, and took nothing back.
    reason, detail = ended(reverted, context.target, seen.tags) if went_back else ("verdict", "no alarm fired")
    return {
        "deployment": reverted.id,
        "outcome": (Ending.ROLLED_BACK if went_back else Ending.PROMOTED).value,
        "reason": reason,
        "detail": detail,
        "at": _moment(real(last.ended or last.created)),
        "commit": reverted.entry.commit if reverted.entry else None,
        "by": reverted.entry.by if reverted.entry else None,
    }


def _standing(context: ReleaseContext) -> Iterator[preconditions.PreconditionFailure]:
    """What would keep the wanted version from being started; nothing where it is live, or on its way."""
    seen = context.seen
    if seen.in_flight is not None:
        return
    if seen.alias.shifted is not None or seen.live.fingerprint != seen.wanted.fingerprint:
        yield from preconditions.refusals(context)


def _noted(noted: RecordedTag) -> Told:
    """A mark, with who made it and when."""
    said: Told = {"by": noted.by, "at": noted.at}
    match noted.mark:
        case Stopped() | RetryGrant() | Overridden():
            said |= asdict(noted.mark)
    return said


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# For a person


def table(function: str, told: Told) -> Table:
    """One function's report."""
    shown = Table(title=function, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for name, text in rows(told):
        shown.add_row(f"  {name}", text)
    return shown


def rows(told: Told) -> Iterator[tuple[str, str]]:
    """What the report says, line by line."""
    live = told["live"]
    yield "live", f"{live['alias']}, digest {live['digest'][:12]}, fingerprint {live['fingerprint']}"
    who = f"by {live['by']} since {live['since']}" if live["by"] else "moved by nobody that the records know"
    yield "", f"commit {live['commit'] or 'not recorded'}, {who}"
    if flying := told["in_flight"]:
        yield "in flight", f"{flying['deployment']} ({flying['status']}): {flying['from']} -> {flying['to']}"
        yield (
            "",
            f"commit {flying['commit'] or 'not recorded'}, by {flying['by'] or 'others'} since {flying['since']}",
        )
        yield "", f"{flying['phase'].replace('_', ' ')}: {flying['text']}"
    else:
        yield "in flight", "nothing"
    if last := told["last"]:
        yield "last", f"{last['deployment']} {last['outcome'].replace('_', ' ')} ({last['reason']}) at {last['at']}"
        yield "", f"{last['detail']}; commit {last['commit'] or 'not recorded'}, by {last['by'] or 'others'}"
    yield from notes(told)


def notes(told: Told) -> Iterator[tuple[str, str]]:
    """What is stuck or refused, and which marks the records hold."""
    for each in told["stuck"]:
        yield f"stuck: {each['kind']}", f"{each['what']}; {UNSTICK} {each['act'] or 'asks: ' + each['remedy']}"
    for each in told["refusals"]:
        yield f"refused: {each['reason']}", each["detail"]
    for each in told["rejected"]:
        forgiven = "; one more try is allowed" if each["forgiven"] else ""
        yield "rejected", f"{each['fingerprint']} by {each['deployment']} of {each['at']} ({each['reason']}){forgiven}"
    for each in told["pardons"]:
        how = "release.retry" if each["configured"] else f"allow-retry, {each['why']}"
        name = "pardon" if each["standing"] else "pardon, used"
        yield name, f"{each['fingerprint']} of {each['deployment']}, by {each['by']} at {each['at']}: {how}"
    if override := told["override"]:
        what = f"{override['refusal']} for {override['fingerprint']}"
        yield "override", f"{what}, by {override['by']} at {override['at']}: {override['text']}"
    for each in told["stops"]:
        yield f"stop: {each['kind']}", f"{each['deployment']}, by {each['by']} at {each['at']}: {each['why']}"
