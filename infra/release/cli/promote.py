"""`promote`: show what the upstream stack has proved, beside what is live here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from infra import git
from infra.console import Exit, Json, RefusedError, UsageError, answer, plain_table
from infra.release.cli.output import Function, answering
from infra.release.cli.session import Session, open_session
from infra.release.decision import promotion
from infra.release.model.attempt import Attempt
from infra.release.model.observation import Observation
from infra.release.model.spec import Target

To = Annotated[str, typer.Option("--to", help="The downstream Pulumi stack, which would get the release.")]


def promote(*, to: To, function: Function = "", as_json: Json = False) -> None:
    """Show what the upstream stack has proved, and how it differs from what is live here. It changes nothing.

    A pipeline then gives the bundle of that digest to `pulumi up`. Exit code 0: each function has a proved version,
    live here already or not. Exit code 1: at least one function has none.
    """
    with answering(as_json=as_json):
        release = open_session(to, function, following=True)
        if not release.policy.source:
            raise UsageError(
                f"stack {to} has no upstream stack; set `from` in its strata:release to the stack that proves releases"
            )
        seen = release.observe()
        found = [_compared(release, target, seen[target.function]) for target in release.targets]
    proved = all(each["proved"] for each in found)
    table = plain_table()
    for name in ("function", f"proved in {release.policy.source}", f"live in {to}", "difference"):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(each["function"], _proof(each), _live(each), each["difference"])
    document = {"to": to, "from": release.policy.source, "functions": found}
    answer(document, table, as_json=as_json, code=Exit.OK if proved else Exit.FAILED)


def _compared(release: Session, target: Target, seen: Observation) -> dict[str, Any]:
    """Return one function's JSON object. Raises RefusedError if the upstream stack's records cannot be read."""
    upstream = release.aws.upstream(target)
    if upstream.unavailable_reason:
        raise RefusedError(
            f"the records of stack {release.policy.source} cannot be read: {upstream.unavailable_reason}"
        )
    found = promotion.newest(upstream.attempts, release.policy.proof_days, release.clock.now())
    live = {"version": seen.live.number, "digest": seen.live.digest, "commit": seen.live_commit}
    return {
        "function": target.function,
        "proved": _to_dict(release, found) if found else None,
        "newest": _to_dict(release, upstream.attempts[0]) if upstream.attempts else None,
        "live": live,
        "difference": _difference(found, seen),
    }


def _to_dict(release: Session, each: Attempt) -> dict[str, Any]:
    ended: datetime | None = release.clock.real(each.ended) if each.ended else None
    return {
        "deployment": each.deployment,
        "digest": each.digest,
        "contract": each.contract,
        "commit": each.commit,
        "by": each.by,
        "ended": ended.isoformat(timespec="seconds") if ended else None,
        "outcome": each.ending.value if each.ending else "in_flight",
        "why": each.why,
    }


def _difference(found: Attempt | None, seen: Observation) -> str:
    """Describe what a release of the proved code would change here."""
    if found is None:
        return "nothing is proved there"
    parts = [] if found.digest == seen.live.digest else ["code"]
    parts += [] if found.contract == seen.live.contract else ["configuration"]
    if not parts:
        return "none: it is live"
    between = git.between(seen.live_commit or "", found.commit)
    commits = "" if between is None else f"; {len(between)} commits: {'; '.join(between[:5])}"
    return f"{' and '.join(parts)}{commits}{'; ...' if between and len(between) > 5 else ''}"


def _proof(each: dict[str, Any]) -> str:
    shown = each["proved"] or each["newest"]
    if shown is None:
        return "nothing was released there"
    what = shown["deployment"] or "its first version"
    if each["proved"]:
        return f"{shown['digest'][:12]} of {shown['commit'][:12]}, by {what}, {shown['ended']}, {shown['by']}"
    return f"nothing; the newest, {what}: {shown['outcome'].replace('_', ' ')} ({shown['why']})"


def _live(each: dict[str, Any]) -> str:
    live = each["live"]
    return f"version {live['version']}, {live['digest'][:12]} of {(live['commit'] or 'unknown')[:12]}"
