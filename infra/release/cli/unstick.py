"""`unstick`: find what keeps a release from going on, and do the one safe thing about it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from infra.console import Exit, Json, UsageError, answer
from infra.release.cli import state_lock
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Opened, opened
from infra.release.cli.watch import followed
from infra.release.decision import operator, recovery
from infra.release.decision.recovery import Finding
from infra.release.model import serialization
from infra.release.model.observation import Seen
from infra.release.model.outcome import Outcome

To = Annotated[str, typer.Option("--to", help="The version that should be live, where an alias is split.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, on a terminal.")]
LOCK = "lock"


def unstick(
    *,
    stack: Stack,
    function: Function = "",
    to: To = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Name what is stuck, and do the one safe thing about each.

    A split alias, an orphan deployment, one that hangs, a set that was promoted by half, a lock whose holder is gone.
    Where only a person can say what is right, it says what to decide, and by which option. A canary that is well is
    left alone.
    """
    outcomes: Mapping[str, Outcome] = {}
    with answering(as_json=as_json):
        release = opened(stack)
        asked = {target.function for target in release.one(function).targets}
        seen = release.look()
        found = [*_locked(stack), *_found(release, seen, asked, to)]
        for each in found:
            typer.echo(said(each), err=as_json)
        acting = [each for each in found if each.act]
        left = found
        if done := bool(acting) and not dry_run and _agreed(yes):
            outcomes = _do(release, seen, acting, as_json=as_json)
            left = [*_locked(stack), *_found(release, release.look(), asked, "")]
    document = {
        "found": [asdict(each) for each in found],
        "done": done,
        "left": [asdict(each) for each in left],
        "outcomes": {name: serialization.plain(each) for name, each in outcomes.items()},
    }
    code = verdict(found, left, done=done)
    answer(document, closing(found, left, done=done, dry_run=dry_run), as_json=as_json, code=code)


def said(finding: Finding) -> str:
    """A finding, for a person."""
    then = f"-> {finding.act}" if finding.act else f"nothing is safe without you: {finding.remedy}"
    return f"{finding.function or 'stack'}: {finding.kind}: {finding.what}\n  {then}"


def decided(release: Opened, found: Sequence[Finding], seen: Seen, to: str) -> list[Finding]:
    """What is found, with an operator's word for the split alias. Raises UsageError where it cannot be meant so."""
    if not to:
        return list(found)
    split = [each for each in found if each.kind == "split"]
    if len(split) != 1:
        which = ", ".join(each.function for each in split) or "none"
        raise UsageError(f"--to {to} is for one split alias that nothing explains, and {which} is; give --function")
    [finding] = split
    if to not in (choices := recovery.choices(release.one(finding.function).targets[0], seen[finding.function])):
        raise UsageError(
            f"--to is {to}: {finding.function} can go to a version that its alias holds, or to the last good one: "
            f"{', '.join(choices)}; release any other by `pulumi up`"
        )
    return [recovery.with_choice(each, to) if each is finding else each for each in found]


def lost(stack: str, held: Sequence[state_lock.Holder]) -> list[Finding]:
    """The locks of which the holder is gone, or may be. One that is held by a running process is as it should be."""
    gone = [state_lock.is_lost(each) for each in held]
    if not held or False in gone:
        return []
    who = " and ".join(map(str, held))
    if all(gone):
        return [
            Finding(LOCK, "", f"stack {stack} is locked by {who}, and that process is gone", "runs `pulumi cancel`")
        ]
    remedy = f"if no pulumi runs on that machine any more, run `pulumi cancel --stack {stack}`"
    return [Finding(LOCK, "", f"stack {stack} is locked by {who}", remedy=remedy)]


def verdict(found: Sequence[Finding], left: Sequence[Finding], *, done: bool) -> Exit:
    """Fine where nothing is left; refused where all that was found takes a person's word, so that nothing was done."""
    if not left:
        return Exit.OK
    return Exit.REFUSED if not done and not any(each.act for each in found) else Exit.FAILED


def closing(found: Sequence[Finding], left: Sequence[Finding], *, done: bool, dry_run: bool) -> str:
    """The last line, for a person."""
    if not found:
        return "Nothing is stuck."
    if not done:
        return "Nothing was done." if not dry_run else "Nothing was done (--dry-run)."
    return "\n".join(["Left:", *map(said, left)]) if left else "All of it is put right."


def _found(release: Opened, seen: Seen, asked: set[str], to: str) -> list[Finding]:
    found = recovery.findings(release.targets, seen, release.policy, release.clock.now())
    return decided(release, [each for each in found if each.function in asked], seen, to)


def _locked(stack: str) -> list[Finding]:
    return lost(stack, state_lock.held(stack))


def _agreed(yes: bool) -> bool:
    return yes or not sys.stdin.isatty() or typer.confirm("Do this?", err=True)


def _do(release: Opened, seen: Seen, acting: Sequence[Finding], *, as_json: bool) -> Mapping[str, Outcome]:
    if any(each.kind == LOCK for each in acting):
        state_lock.cancel(release.stack)
    on_aws = [each for each in acting if each.kind != LOCK]
    if not on_aws:
        return {}
    along = release.only(operator.released_with(seen, {each.function for each in on_aws}))
    return followed(along, as_json=as_json, decide=recovery.recover(on_aws))
