"""`prune`: delete published versions that nothing needs, and verdict alarms that ended releases left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from infra.console import Json, RefusedError, UsageError, answer, plain_table
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Session, open_session
from infra.release.decision import obsolete_alarms
from infra.release.engine.cloud import AwsError
from infra.release.model.observation import Seen
from infra.release.model.spec import Target
from infra.release.reports.retention import RetentionPolicy, VersionRetention, refusal, retentions

if TYPE_CHECKING:
    from infra.release.aws import Aws

LONGEST = 3650  # days


@dataclass(frozen=True)
class Pruning:
    """The versions of one function, each with the decision on it, and the verdict alarms to delete."""

    target: Target
    retentions: tuple[VersionRetention, ...]
    alarms: tuple[str, ...]

    @property
    def gone(self) -> list[str]:
        """Return the versions to delete, oldest first."""
        return [each.version.number for each in reversed(self.retentions) if each.goes]


def prune(
    *,
    stack: Stack,
    keep: Annotated[int, typer.Option(help="Number of newest versions to keep.")] = 10,
    older_than: Annotated[float, typer.Option(help="Days; versions younger than this are kept.")] = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only show what would be deleted.")] = False,
    function: Function = "",
    as_json: Json = False,
) -> None:
    """Show which published versions nothing needs any more, and with --yes delete them.

    It also deletes the verdict alarms that `sweep` deletes. It never deletes a version that is live, has traffic, is
    the last good one, is in flight, is wanted by the stack, or is behind another alias. Exit code 3: refused, since no
    version to go back to would be left.
    """
    with answering(as_json=as_json):
        if not 1 <= keep <= 10_000:
            raise UsageError(f"--keep is {keep}: give 1 or more, since the stack's state names the newest version")
        if not 0 <= older_than <= LONGEST:
            raise UsageError(f"--older-than is {older_than:g}: give 0 to {LONGEST} days")
        release = open_session(stack, function)
        found = _found(release, RetentionPolicy(keep, older_than))
        if yes:
            _delete(release.aws, found)
    document = {"deleted": yes, "functions": {each.target.function: _to_dict(release, each) for each in found}}
    now = release.clock.now()
    shown = [part for each in found for part in (_table(each, now, yes=yes), _summary(each, yes=yes))]
    answer(document, *shown, as_json=as_json)


def _found(release: Session, bounds: RetentionPolicy) -> list[Pruning]:
    """Decide what to delete of each function. Raises RefusedError if no version to go back to would be left."""
    from infra.release.aws import versions  # noqa: PLC0415 - `power` and `--help` need no boto3

    clients, now = release.aws.clients, release.clock.now()
    alarms = {each.function: versions.verdict_alarms(clients, release.clock, each) for each in release.targets}
    everything: Seen = release.observe()
    found = []
    for target in release.targets:
        seen, names = everything[target.function], alarms[target.function]
        published = versions.published(clients, release.clock, target)
        mine = retentions(target, seen, published, bounds, now)
        if (why := refusal(target, seen, mine)) is not None:
            raise RefusedError(f"nothing is pruned: {why}")
        found.append(Pruning(target, tuple(mine), tuple(obsolete_alarms.left(target, seen.ledger, names, now))))
    return found


def _delete(aws: Aws, found: Sequence[Pruning]) -> None:
    from infra.release.aws import versions  # noqa: PLC0415

    done: list[str] = []
    try:
        for each in found:
            for number in each.gone:
                versions.delete_version(aws.clients, each.target.function, number)
                done.append(f"{each.target.function}:{number}")
            versions.delete_alarms(aws.clients, each.alarms)
    except AwsError as problem:
        raise AwsError(f"{problem}; deleted before: {', '.join(done) or 'nothing'}; run it again") from problem


def _to_dict(release: Session, each: Pruning) -> dict[str, Any]:
    return {
        "versions": [
            {
                "version": retention.version.number,
                "published": release.clock.real(retention.version.at).isoformat(timespec="seconds"),
                "bytes": retention.version.size,
                "fingerprint": retention.version.fingerprint,
                "kept": list(retention.kept),
            }
            for retention in each.retentions
        ],
        "gone": each.gone,
        "alarms": list(each.alarms),
    }


def _table(each: Pruning, now: datetime, *, yes: bool) -> Table:
    table = plain_table()
    table.title, table.title_justify, table.title_style = each.target.function, "left", "bold"
    for name in ("version", "age, days", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("kept because", ratio=1, overflow="fold")
    for retention in each.retentions:
        age = (now - retention.version.at) / timedelta(days=1)
        gone = Text("deleted" if yes else "would be deleted", style="red")
        why = gone if retention.goes else Text(", ".join(retention.kept))
        table.add_row(retention.version.number, f"{age:.1f}", f"{retention.version.size / 1e6:.1f}", why)
    return table


def _summary(each: Pruning, *, yes: bool) -> str:
    megabytes = sum(retention.version.size for retention in each.retentions if retention.goes) / 1e6
    versions = f"{len(each.gone)} of {len(each.retentions)} versions ({megabytes:.1f} MB)"
    what = f"{versions} and {len(each.alarms)} verdict alarms"
    if yes:
        return f"{what} were deleted.\n"
    return f"{what} would be deleted{'; --yes does it' if each.gone or each.alarms else ''}.\n"
