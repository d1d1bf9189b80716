"""`sweep`: delete the verdict alarms that no release needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from infra.console import Json, answer
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Session, open_session
from infra.release.decision import obsolete_alarms
from infra.release.model.spec import Target
from infra.release.model.tags import Stopped

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, and delete nothing.")]


@dataclass(frozen=True)
class Swept:
    """The alarms of one function to delete, and the tags to write first: reasons that only those alarms still show."""

    target: Target
    alarms: tuple[str, ...]
    marks: tuple[Stopped, ...]
    kept: int  # alarms that are still needed


def sweep(*, stack: Stack, function: Function = "", dry_run: DryRun = False, as_json: Json = False) -> None:
    """Delete the verdict alarms of attempts that have ended, and of releases that never started.

    A release deletes its alarms when it ends; a killed one leaves them. `sweep` keeps an alarm that a deployment in
    flight may use, and one younger than ten minutes that no deployment names. If only an alarm's state shows why an
    attempt failed, it first writes the reason into a tag of the deployment group.
    """
    with answering(as_json=as_json):
        release = open_session(stack, function)
        found = _found(release)
        for each in () if dry_run else found:
            for mark in each.marks:
                release.aws.note(each.target, mark)
            release.aws.clear(each.alarms)
    document = {
        "deleted": not dry_run,
        "functions": {each.target.function: {"alarms": list(each.alarms), "kept": each.kept} for each in found},
    }
    done = "would be deleted" if dry_run else "were deleted"
    lines = (
        f"{each.target.function}: {len(each.alarms)} verdict alarms {done}, {each.kept} are needed" for each in found
    )
    answer(document, *lines, as_json=as_json)


def _found(release: Session) -> list[Swept]:
    from infra.release.aws import versions  # noqa: PLC0415 - `power` and `--help` need no boto3

    # Read before the records, since a release makes an alarm before its deployment.
    clients, clock = release.aws.clients, release.clock
    configured = {each.function: versions.verdict_alarms(clients, clock, each) for each in release.targets}
    everything = release.observe()
    found = []
    for target in release.targets:
        seen, names = everything[target.function], configured[target.function]
        alarms = obsolete_alarms.left(target, seen.ledger, names, clock.now())
        attempts = [each for each in seen.ledger if each.failed and not names.keys().isdisjoint(each.alarms)]
        states = release.aws.states({name for each in attempts for name in each.alarms})
        red = frozenset(name for name, is_red in states.items() if is_red)
        marks = obsolete_alarms.unnoted(target, attempts, seen.tags, red)
        found.append(Swept(target, tuple(alarms), tuple(marks), len(names) - len(alarms)))
    return found
