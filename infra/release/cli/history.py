"""`history`: show the outcome of every release, and DORA's four keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from infra import git
from infra.console import Json, UsageError, answer, plain_table
from infra.release.cli.history_page import write
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Session, open_session
from infra.release.model.attempt import Attempt
from infra.release.model.outcome import Ending
from infra.release.reports.history import Keys, attempts, keys, marks, named, said, unseen

LONGEST = 3650  # days
MOST_ON_PAGE = 50
STYLES = {Ending.ROLLED_BACK: "red", Ending.PROMOTED: "green", Ending.FIRST: "green", None: "yellow"}


def history(
    *,
    stack: Stack,
    function: Function = "",
    limit: Annotated[int, typer.Option(help="Number of newest releases to show.")] = 20,
    days: Annotated[int, typer.Option(help="Days that DORA's four keys cover.")] = 30,
    keys_alone: Annotated[bool, typer.Option("--keys", help="Show DORA's keys alone.")] = False,
    page: Annotated[Path | None, typer.Option(help="Also write them, with their traffic, as one HTML file.")] = None,
    as_json: Json = False,
) -> None:
    """Show every release: time, commit, who, versions, outcome, reason, minutes, what reverted it; and DORA's keys.

    It reads only CodeDeploy's records and the deployment groups' tags. A deployment that Strata did not start is shown
    as by hand. A refusal is not shown, since AWS has no record of it. It names each record that must be missing, since
    CodeDeploy does not promise to keep any.
    """
    with answering(as_json=as_json):
        for name, value, most in (("--limit", limit, 1000), ("--days", days, LONGEST)):
            if not 1 <= value <= most:
                raise UsageError(f"{name} is {value}: give 1 to {most}")
        if page is not None and keys_alone:
            raise UsageError(f"--page is {page}, which would have no release with --keys; leave one of them out")
        if page is not None and limit > MOST_ON_PAGE:
            raise UsageError(f"--limit is {limit}: a page takes {MOST_ON_PAGE} releases; give less, or no --page")
        release = open_session(stack, function)
        found, unused, missing = _collected(release)
        now, committed = release.clock.now(), _committed(release)
        four = keys(found, days, now, committed)
        shown = [] if keys_alone else _named(release, found[:limit])
        if page is not None:
            write(page, release, shown, four)
    several = len({each.function for each in shown}) > 1
    document = {
        "releases": [_to_dict(release, each) for each in shown],
        "of": len(found),
        "unused": unused,
        "unseen": missing,
        "keys": asdict(four) | {"per_day": four.per_day, "failure_rate": four.failure_rate},
    }
    left = [f"{len(found) - limit} older releases are not shown: --limit"] if len(found) > limit else []
    lines: list[RenderableType] = (
        [] if keys_alone else [_table(release, shown, several=several), *left, *missing, *unused]
    )
    answer(document, *lines, _keys(four), as_json=as_json)


def _collected(release: Session) -> tuple[list[Attempt], list[str], list[str]]:
    """Return every attempt, newest first; a line for each unused retry grant and override; a line if records miss."""
    aws, found, unused, missing = release.aws, [], [], []
    for target in release.targets:
        aws.check_account(target.function, target.topic)
    for target in release.targets:
        ledger = sorted(aws.records.every(target).values(), key=lambda each: each.created, reverse=True)
        tags = aws.records.tags(target)
        mine = attempts(target, ledger, tags, release.clock.simulated)
        used = {words for each in mine for words in each.allowed}
        unused += [
            f"{target.function}: not used yet: {said(noted)}" for noted in marks(tags) if said(noted) not in used
        ]
        found += mine
        missing += [line for line in [unseen(target, ledger, tags)] if line]
    return sorted(found, key=lambda each: each.started, reverse=True), unused, missing


def _named(release: Session, found: Sequence[Attempt]) -> list[Attempt]:
    from infra.release.aws.shifts import shifts  # noqa: PLC0415 - `power` and `--help` need no boto3

    return named(found, shifts(release.aws.clients, (each.deployment for each in found if each.deployment)))


def _committed(release: Session) -> Callable[[str], datetime | None]:
    def committed(commit: str) -> datetime | None:
        made = git.committed(commit)
        return release.clock.simulated(made) if made else None

    return committed


def _to_dict(release: Session, each: Attempt) -> dict[str, Any]:
    """Return an attempt as JSON. Its times are AWS's."""
    times = {name: release.clock.real(at) if (at := getattr(each, name)) else None for name in ("started", "ended")}
    fields = asdict(each)
    fields["blamed"] = fields.pop("change_failed")
    return {
        **fields,
        **{name: at.isoformat(timespec="seconds") if at else None for name, at in times.items()},
        "ending": each.ending.value if each.ending else "in_flight",
        "moment": each.set_id.isoformat(timespec="milliseconds") if each.set_id else None,
        "minutes": round(each.minutes, 1) if each.minutes is not None else None,
        "by_hand": each.by_hand,
    }


def _table(release: Session, shown: Iterable[Attempt], *, several: bool) -> Table:
    table = plain_table()
    for name in ("when, UTC", "versions", "commit, who"):
        table.add_column(name, no_wrap=name != "commit, who")
    table.add_column("outcome", ratio=1, overflow="fold")
    for each in shown:
        when = f"{release.clock.real(each.started):%Y-%m-%d %H:%M}\n{each.deployment or ''}"
        versions = f"{each.stable} -> {each.version or '?'}" if each.stable else each.version
        if each.minutes is not None:
            versions += f" in {each.minutes:.1f} min"
        table.add_row(
            Text(when),
            Text(f"{versions}\n{each.function}" if several else versions),
            Text(f"{each.commit[:12]}\n{each.by}", overflow="fold"),
            _outcome(each),
        )
    return table


def _outcome(each: Attempt) -> Text:
    ending = each.ending.value.replace("_", " ") if each.ending else "in flight"
    text = Text(f"{ending} ({each.reason})" if each.ending else ending, style=STYLES.get(each.ending, ""))
    lines = [each.why, f"reverted by {', '.join(each.back)}" if each.back else "", *each.allowed]
    return Text("\n").join([text, *(Text(line) for line in lines if line)])


def _keys(four: Keys) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, title_justify="left", title_style="bold")
    table.title = f"\nDORA's four keys, {four.days} days"
    lead = "unknown" if four.lead_hours is None else f"{four.lead_hours:.1f} h from commit to all traffic (median)"
    if four.unknown_commits:
        lead += f"; commit unknown for {four.unknown_commits} of {four.releases} releases"
    rate = "unknown: none has ended" if four.failure_rate is None else f"{four.failure_rate:.0%}"
    restore = "nothing failed" if not four.failed else "unknown"
    if four.restore_minutes is not None:
        restore = (
            f"{four.restore_minutes:.1f} min from the start of a failed release until its traffic was back (median)"
        )
    table.add_row(
        "  deployment frequency", f"{four.per_day:.2f} a day: {four.releases} promoted, first versions included"
    )
    table.add_row("  lead time for changes", lead)
    table.add_row("  change failure rate", f"{rate}: {four.failed} of {four.ended} that ended")
    table.add_row("  time to restore", restore)
    if four.by_hand:
        table.add_row("  counted apart", f"{four.by_hand} by hand, which Strata did not start")
    return table
