"""`unstick`: find what blocks a release, and apply the remedy where only one is safe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from infra.console import Exit, Json, UsageError, answer
from infra.release.cli import state_lock
from infra.release.cli.following import followed
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Session, open_session
from infra.release.decision import operator, recovery
from infra.release.decision.recovery import Finding
from infra.release.model import serialization
from infra.release.model.observation import Seen
from infra.release.model.outcome import Outcome

To = Annotated[str, typer.Option("--to", help="The version that should be live, if an alias is split.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation on a terminal.")]
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
    """Find what blocks a release, and apply the remedy where only one is safe.

    It finds a split alias, an orphan deployment, a deployment that hangs, a set of which only some functions were
    promoted, and a lock whose process is gone. Where an operator must choose, it names the choice and the option.
    It does not touch a healthy canary.
    """
    outcomes: Mapping[str, Outcome] = {}
    with answering(as_json=as_json):
        release = open_session(stack, release_of=function)
        asked = {target.function for target in release.one(function).targets}
        seen = release.observe()
        found = [*_locked(stack), *_found(release, seen, asked, to)]
        for each in found:
            typer.echo(described(each), err=as_json)
        acting = [each for each in found if each.act]
        left = found
        if done := bool(acting) and not dry_run and _agreed(yes):
            outcomes = _do(release, seen, acting, as_json=as_json)
            left = [*_locked(stack), *_found(release, release.observe(), asked, "")]
    document = {
        "found": [asdict(each) for each in found],
        "done": done,
        "left": [asdict(each) for each in left],
        "outcomes": {name: serialization.to_dict(each) for name, each in outcomes.items()},
    }
    code = exit_code(found, left, done=done)
    answer(document, last_line(found, left, done=done, dry_run=dry_run), as_json=as_json, code=code)


def described(finding: Finding) -> str:
    """Return the lines of a finding."""
    then = f"-> {finding.act}" if finding.act else f"an operator must decide: {finding.remedy}"
    return f"{finding.function or 'stack'}: {finding.kind}: {finding.what}\n  {then}"


def with_operators_choice(release: Session, found: Sequence[Finding], seen: Seen, to: str) -> list[Finding]:
    """Apply the operator's choice `to` to the split alias among the findings. Raises UsageError if it fits none."""
    if not to:
        return list(found)
    split = [each for each in found if each.kind == "split"]
    if len(split) != 1:
        which = ", ".join(each.function for each in split) or "none"
        raise UsageError(
            f"--to {to} is for exactly one split alias that no deployment explains, but these are: {which}; "
            "give --function"
        )
    [finding] = split
    if to not in (choices := recovery.choices(release.one(finding.function).targets[0], seen[finding.function])):
        raise UsageError(
            f"--to is {to}: {finding.function} can go to a version that its alias holds, or to the last good one: "
            f"{', '.join(choices)}; release any other by `pulumi up`"
        )
    return [recovery.with_choice(each, to) if each is finding else each for each in found]


def lost_locks(stack: str, held: Sequence[state_lock.Holder]) -> list[Finding]:
    """Return a finding if the stack's lock is held by no process, or by none that is known to run."""
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


def exit_code(found: Sequence[Finding], left: Sequence[Finding], *, done: bool) -> Exit:
    """Return OK if no finding is left, REFUSED if nothing was done since an operator must decide each, else FAILED."""
    if not left:
        return Exit.OK
    return Exit.REFUSED if not done and not any(each.act for each in found) else Exit.FAILED


def last_line(found: Sequence[Finding], left: Sequence[Finding], *, done: bool, dry_run: bool) -> str:
    """Return the last lines of the answer."""
    if not found:
        return "Nothing is stuck."
    if not done:
        return "Nothing was done." if not dry_run else "Nothing was done (--dry-run)."
    return "\n".join(["Left:", *map(described, left)]) if left else "Everything found is fixed."


def _found(release: Session, seen: Seen, asked: set[str], to: str) -> list[Finding]:
    found = recovery.findings(release.targets, seen, release.policy, release.clock.now())
    return with_operators_choice(release, [each for each in found if each.function in asked], seen, to)


def _locked(stack: str) -> list[Finding]:
    return lost_locks(stack, state_lock.held(stack))


def _agreed(yes: bool) -> bool:
    return yes or not sys.stdin.isatty() or typer.confirm("Do this?", err=True)


def _do(release: Session, seen: Seen, acting: Sequence[Finding], *, as_json: bool) -> Mapping[str, Outcome]:
    if any(each.kind == LOCK for each in acting):
        state_lock.cancel(release.stack)
    on_aws = [each for each in acting if each.kind != LOCK]
    if not on_aws:
        return {}
    along = release.only(operator.released_with(seen, {each.function for each in on_aws}))
    return followed(along, as_json=as_json, decide=recovery.recover(on_aws))
