"""`abort`: stop the deployments in flight and bring the traffic back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Protocol

import typer

from infra.console import Exit, Json, RefusedError, UsageError, answer
from infra.release.cli.following import followed
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.reason import Reason, checked
from infra.release.cli.session import Session, open_session
from infra.release.decision import operator
from infra.release.decision.context import Decide
from infra.release.model import serialization
from infra.release.model.commands import ROLLBACK, UNSTICK
from infra.release.model.observation import Deployment, Seen
from infra.release.model.outcome import Ending, Outcome

Which = Annotated[str, typer.Option("--deployment", help="Only this deployment. Default: all that are in flight.")]


def abort(
    *, stack: Stack, reason: Reason, function: Function = "", deployment: Which = "", as_json: Json = False
) -> None:
    """Stop the deployments in flight, bring the traffic back to stable, and wait until it is there.

    It works from any machine, also while `pulumi up` waits elsewhere: that `up` then ends as rolled_back (operator),
    with the reason and the operator. Functions that are released together go back together.
    """
    with answering(as_json=as_json):
        why, release = checked(reason), open_session(stack, release_of=function)
        found = aborted(release, why, partial(followed, as_json=as_json), function=function, deployment=deployment)
    answer_aborted(found, as_json=as_json)


class Follow(Protocol):
    """Follows what is in flight by a decision, and returns the outcomes by function."""

    def __call__(self, release: Session, *, decide: Decide) -> Mapping[str, Outcome]: ...


@dataclass(frozen=True)
class Aborted:
    """An abort that has ended. seen: what was there before. stops: the deployments that were stopped, by function."""

    why: str
    seen: Seen
    running: Mapping[str, Deployment]
    stops: Mapping[str, str]
    outcomes: Mapping[str, Outcome]


def aborted(release: Session, why: str, follow: Follow, *, function: str = "", deployment: str = "") -> Aborted:
    """Stop the deployments in flight, or those of a function, or one, and follow them until the traffic is back.

    Raises RefusedError or UsageError as `chosen` and `stoppable` do, before anything is stopped.
    """
    seen = release.observe()
    running = chosen({each.function: seen[each.function] for each in release.one(function).targets}, deployment)
    stops = stoppable(seen, running)
    outcomes: Mapping[str, Outcome] = {}
    if running:
        along = release.only(operator.released_with(seen, running))
        outcomes = follow(along, decide=operator.abort(stops, why))
    return Aborted(why, seen, running, stops, outcomes)


def answer_aborted(found: Aborted, *, as_json: bool) -> None:
    """Answer how an abort has ended, by function."""
    outcomes = found.outcomes
    document = {
        "reason": found.why,
        "stopped": found.stops,
        "outcomes": {name: serialization.to_dict(each) for name, each in outcomes.items()},
    }
    back = all(each.ending in {Ending.ROLLED_BACK, Ending.UNCHANGED} for each in outcomes.values())
    whole = bool(found.running) or all(each.alias.shifted is None for each in found.seen.values())
    lines = outcome_lines(outcomes) if found.running else idle(found.seen)
    answer(document, *lines, as_json=as_json, code=Exit.OK if back and whole else Exit.FAILED)


def chosen(seen: Seen, deployment: str) -> dict[str, Deployment]:
    """Return the deployments in flight, by function, or only `deployment`.

    Raises UsageError if `deployment` is unknown, RefusedError if it has ended.
    """
    running = {name: found for name, each in seen.items() if (found := each.in_flight) is not None}
    if not deployment:
        return running
    for name, each in seen.items():
        record = each.deployment(deployment)
        if record is not None and record.running:
            return {name: record}
        if record is not None:
            raise RefusedError(
                f"deployment {deployment} of {name} has ended: it is {record.status.value}, and the alias is on "
                f"{each.alias}; revert what is live by {ROLLBACK}"
            )
    flying = ", ".join(f"{each.id} of {name}" for name, each in running.items()) or "nothing"
    raise UsageError(f"deployment {deployment} is not one of {', '.join(seen)}; in flight: {flying}")


def stoppable(seen: Seen, running: Mapping[str, Deployment]) -> dict[str, str]:
    """Return the ids, by function, of the deployments to stop. One that a deployment reverts already is left out.

    Raises RefusedError for a deployment that Strata did not start.
    """
    for name, each in running.items():
        if each.entry is None and each.rolls_back is None:
            raise RefusedError(
                f"deployment {each.id} of {name} was not started by this release: it has no ledger entry; "
                f"see who started it, and stop it by {UNSTICK}"
            )
    return {name: each.rolls_back or each.id for name, each in running.items() if seen[name].reverts(each) is None}


def outcome_lines(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield a line for each function that changed."""
    for name, each in outcomes.items():
        if each.ending is Ending.PROMOTED:
            yield (
                f"{name}: too late: {each.deployment_id} had shifted all traffic to {each.to_version} before it could "
                f"be stopped; revert it by {ROLLBACK}"
            )
        elif each.ending is not Ending.UNCHANGED:
            yield each.line()


def idle(seen: Seen) -> Iterator[str]:
    """Yield a line for each function, where nothing is in flight."""
    for name, each in seen.items():
        last = each.last_attempt
        before = f"; the last deployment, {last.id}, is {last.status.value}" if last else ""
        remedy = "" if each.alias.shifted is None else f"; run {UNSTICK}, which shows the remedy"
        yield f"{name}: nothing is in flight, so nothing was stopped; the alias is on {each.alias}{remedy}{before}"
