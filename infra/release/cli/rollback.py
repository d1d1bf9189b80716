"""`rollback`: go back from what is live to the last good version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import typer

from infra.console import Exit, Json, RefusedError, answer
from infra.release.cli.following import followed
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.reason import Reason, checked
from infra.release.cli.session import Session, open_session
from infra.release.decision import operator, proven
from infra.release.engine.cloud import NotFoundError
from infra.release.model import serialization
from infra.release.model.commands import ABORT, UNSTICK
from infra.release.model.observation import Deployment, Observation, Seen
from infra.release.model.outcome import Ending


def rollback(*, stack: Stack, reason: Reason, function: Function = "", as_json: Json = False) -> None:
    """Revert to the last good version, all traffic at once, by a new deployment. Wait until it has ended.

    The last good version is the one that the newest live promotion started from if the ledger proves it, else the one
    that the ledger proves. Functions that were promoted together are reverted together, unless --function names one.
    The reverted version is refused from then on, until `allow-retry`.
    """
    with answering(as_json=as_json):
        why, release = checked(reason), open_session(stack, release_of=function)
        seen, asked = release.observe(), release.one(function)
        reverted = to_revert({each.function: seen[each.function] for each in asked.targets})
        for name, each in reverted.items():
            _check_there(release, name, each, seen[name])
        for line in remarks(seen, reverted):
            typer.echo(line, err=as_json)
        outcomes = followed(release.only(reverted), as_json=as_json, decide=operator.revert(reverted, why))
    document = {"reason": why, "outcomes": {name: serialization.to_dict(each) for name, each in outcomes.items()}}
    good = all(each.ending is Ending.ROLLED_BACK for each in outcomes.values())
    lines = [each.line() for each in outcomes.values()]
    answer(document, *lines, as_json=as_json, code=Exit.OK if good else Exit.FAILED)


def to_revert(seen: Seen) -> dict[str, Deployment]:
    """Return the deployments to revert, by function. Raises RefusedError if there is none, or one is in flight."""
    for name, each in seen.items():
        if each.in_flight is not None:
            raise RefusedError(f"{each.in_flight.id} of {name} is in flight; stop it by {ABORT}, or wait for its end")
        if each.alias.shifted is not None:
            raise RefusedError(
                f"the alias of {name} is on {each.alias}, though nothing is in flight; run {UNSTICK} first"
            )
    if not (reverted := operator.last_promoted_set(seen)):
        live = ", ".join(f"{name} is on {each.live.number}" for name, each in seen.items())
        raise RefusedError(
            f"there is no deployment to revert: {live}, which no deployment of this release has promoted (a first "
            "version, or an alias moved by hand); release a commit that reverts the change"
        )
    return reverted


def remarks(seen: Seen, reverted: Mapping[str, Deployment]) -> Iterator[str]:
    """Yield a line for each function that is not reverted, with the reason."""
    for name, each in seen.items():
        if name in reverted:
            continue
        last = operator.promoted(each)
        together = [
            other
            for other, one in reverted.items()
            if one.entry and last and last.entry and one.entry.at == last.entry.at
        ]
        why = f"though it was promoted together with {', '.join(together)}" if together else "promoted at another time"
        yield f"{name}: stays on {each.live.number}, {why if last else 'which no deployment by Strata promoted'}"


def _check_there(release: Session, function: str, reverted: Deployment, seen: Observation) -> None:
    [target] = release.one(function).targets
    stable = proven.before(target, seen, reverted)
    try:
        release.aws.version(function, stable)
    except NotFoundError:
        raise RefusedError(
            f"version {stable} of {function}, the last good one before {reverted.id}, is deleted, so it "
            "cannot be restored; release a commit that reverts the change"
        ) from None
