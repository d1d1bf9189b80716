"""`status`: show what is live, in flight, refused and recorded, by function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from infra.console import Exit, Json, answer
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Session, open_session
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

Document = dict[str, Any]
Real = Callable[[datetime], datetime]
"""Converts the clock's time to AWS's."""


def status(*, stack: Stack, function: Function = "", as_json: Json = False) -> None:
    """Show what is live, what is in flight, how the last deployment ended, and what would be refused.

    For the live version it shows digest, commit, and who released it when. It also shows what is stuck, and the
    recorded retry grants, overrides and stops. Exit code 1: something is stuck, or the last deployment was rolled back.
    """
    with answering(as_json=as_json):
        found = observed(open_session(stack, release_of=function), function)
    reports = {each.function: each.document for each in found}
    bad = any(each["stuck"] or (each["last"] or {}).get("outcome") == Ending.ROLLED_BACK for each in reports.values())
    document = {"stack": stack, "functions": reports}
    answer(document, *found, as_json=as_json, code=Exit.FAILED if bad else Exit.OK)


@dataclass(frozen=True)
class FunctionStatus:
    """The report on one function. It prints as a tree on a terminal, as lines elsewhere."""

    function: str
    document: Document
    traffic: Traffic

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.is_terminal:
            yield tree(self.function, self.document, self.traffic, notes(self.document), width=options.max_width)
        else:
            yield table(self.function, self.document)


def observed(release: Session, function: str) -> list[FunctionStatus]:
    """Observe the function, or each if `function` is empty, and return its status."""
    return [found for _, found in observed_in_context(release, function)]


def observed_in_context(release: Session, function: str) -> list[tuple[ReleaseContext, FunctionStatus]]:
    """Observe the function, or each if `function` is empty, and return what was observed with its status."""
    asked, seen = release.one(function), release.observe()
    found = recovery.findings(release.targets, seen, release.policy, release.clock.now())
    if following := {name: each.rolls_back or each.id for name, one in seen.items() if (each := one.in_flight)}:
        seen = release.observe(following)
    now = release.clock.now()
    watched = next_action.watch(release.targets, seen, replace(release.policy, wait=True), now)  # `watch` always waits
    contexts = [ReleaseContext(target, seen[target.function], release.policy, now) for target in asked.targets]
    return [
        (
            context,
            status_of(
                context,
                watched[context.target.function],
                [each for each in found if each.function == context.target.function],
                release.clock.real,
            ),
        )
        for context in contexts
    ]


def status_of(context: ReleaseContext, watched: Action, found: list[recovery.Finding], real: Real) -> FunctionStatus:
    """Return the report on a function and its traffic. `watched`: the action that `watch` would take next."""
    return FunctionStatus(context.target.function, report(context, watched, found, real), traffic(context))


def report(context: ReleaseContext, watched: Action, found: list[recovery.Finding], real: Real) -> Document:
    """Return the report on one function as JSON. `watched`: the action that `watch` would take next."""
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
            for each in (tags.granted, tags.granted_by_policy)
            if each and isinstance(mark := each.mark, RetryGrant)
        ],
        "override": _noted(tags.overridden) if tags.overridden else None,
        "stops": [_noted(each) for each in sorted(tags.stopped.values(), key=lambda each: each.at, reverse=True)],
    }


def _live(seen: Observation, real: Real) -> Document:
    """Return the live version and who released it when; both are None if no record of Strata's names them."""
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


def _in_flight(context: ReleaseContext, running: Deployment, watched: Action, real: Real) -> Document:
    seen, entry = context.seen, running.entry
    stable, canary = seen.compared
    document: Document = {
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
    if entry is None:  # Strata neither counts nor judges its versions
        document |= {"phase": "others", "text": "not started by Strata", "stable": None, "canary": None, "z": None}
    return document


def _text(action: Action) -> str:
    match action:
        case Finish(outcome):
            return outcome.text
        case Probe() | Start() | Follow():
            return action.phase.value
    return action.why


def _counts(counts: Counts) -> Document:
    return {"requests": counts.invocations, "errors": counts.errors}


def _last(context: ReleaseContext, real: Real) -> Document | None:
    """Return how the newest ended deployment ended: promoted or rolled back, and why."""
    seen = context.seen
    closed = (each for each in seen.ledger if each.rolls_back is None and each.status.ended)
    if (last := next(closed, None)) is None:
        return None
    reverted = seen.reverts(last) or last
    went_back = reverted.failed or reverted is not last
    # A stop that came too late leaves its tag, but reverts nothing.
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
    """Yield the preconditions that the wanted version fails; none if it is live or in flight."""
    seen = context.seen
    if seen.in_flight is not None:
        return
    if seen.alias.shifted is not None or seen.live.fingerprint != seen.wanted.fingerprint:
        yield from preconditions.refusals(context)


def _noted(noted: RecordedTag) -> Document:
    """Return a tag's record as JSON, with who wrote it and when."""
    said: Document = {"by": noted.by, "at": noted.at}
    match noted.mark:
        case Stopped() | RetryGrant() | Overridden():
            said |= asdict(noted.mark)
    return said


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# Text


def table(function: str, document: Document) -> Table:
    """Return one function's report as a table."""
    shown = Table(title=function, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for name, text in rows(document):
        shown.add_row(f"  {name}", text)
    return shown


def rows(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the report's lines, each a name and a text."""
    live = document["live"]
    yield "live", f"{live['alias']}, digest {live['digest'][:12]}, fingerprint {live['fingerprint']}"
    who = f"by {live['by']} since {live['since']}" if live["by"] else "the records do not show who moved the alias"
    yield "", f"commit {live['commit'] or 'not recorded'}, {who}"
    if flying := document["in_flight"]:
        yield "in flight", f"{flying['deployment']} ({flying['status']}): {flying['from']} -> {flying['to']}"
        yield (
            "",
            f"commit {flying['commit'] or 'not recorded'}, by {flying['by'] or 'others'} since {flying['since']}",
        )
        yield "", f"{flying['phase'].replace('_', ' ')}: {flying['text']}"
    else:
        yield "in flight", "nothing"
    if last := document["last"]:
        yield "last", f"{last['deployment']} {last['outcome'].replace('_', ' ')} ({last['reason']}) at {last['at']}"
        yield "", f"{last['detail']}; commit {last['commit'] or 'not recorded'}, by {last['by'] or 'others'}"
    yield from notes(document)


def notes(document: Document) -> Iterator[tuple[str, str]]:
    """Yield a line for each thing that is stuck or refused, and for each record of the tags."""
    for each in document["stuck"]:
        yield f"stuck: {each['kind']}", f"{each['what']}; {UNSTICK} {each['act'] or 'asks: ' + each['remedy']}"
    for each in document["refusals"]:
        yield f"refused: {each['reason']}", each["detail"]
    for each in document["rejected"]:
        forgiven = "; one more try is allowed" if each["forgiven"] else ""
        yield "rejected", f"{each['fingerprint']} by {each['deployment']} of {each['at']} ({each['reason']}){forgiven}"
    for each in document["pardons"]:
        how = "release.retry" if each["configured"] else f"allow-retry, {each['why']}"
        name = "retry" if each["standing"] else "retry, used"
        yield name, f"{each['fingerprint']} of {each['deployment']}, by {each['by']} at {each['at']}: {how}"
    if override := document["override"]:
        what = f"{override['refusal']} for {override['fingerprint']}"
        yield "override", f"{what}, by {override['by']} at {override['at']}: {override['text']}"
    for each in document["stops"]:
        yield f"stop: {each['kind']}", f"{each['deployment']}, by {each['by']} at {each['at']}: {each['why']}"
