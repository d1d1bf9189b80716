"""`doctor`: find what would keep a release from working, with the remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from rich.table import Table
from rich.text import Text

from infra import git
from infra.console import Exit, Json, answer, plain_table
from infra.release.cli.output import Function, Stack, answering
from infra.release.cli.session import Session, open_session
from infra.release.engine.cloud import AwsError
from infra.release.reports.doctor.account import usable
from infra.release.reports.doctor.facts import Finding, Grade
from infra.release.reports.doctor.findings import findings
from infra.release.reports.drift import Examination, examined

STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.BAD: "red"}


def doctor(*, stack: Stack, function: Function = "", as_json: Json = False) -> None:
    """Check what a release needs: credentials, clock, permissions, quotas, alarms that can fire, hooks, group, drift.

    It changes nothing. What was changed outside of Strata it announces by an event, once.
    Exit code 1: at least one finding is bad.
    """
    with answering(as_json=as_json):
        found = _examined(open_session(stack, function))
    count = Counter(each.grade for each in found)
    document = {
        "findings": [asdict(each) for each in found],
        **{grade.value: count[grade] for grade in Grade},
    }
    summary = ", ".join(f"{count[grade]} {grade.value}" for grade in Grade)
    answer(document, _table(found), summary, as_json=as_json, code=Exit.FAILED if count[Grade.BAD] else Exit.OK)


def _examined(release: Session) -> list[Finding]:
    from infra.release.aws import diagnostics  # noqa: PLC0415 - `power` and `--help` need no boto3

    facts = diagnostics.account(release.aws, release.targets, shallow=git.is_shallow())
    facts = replace(facts, git=git.refuses(git.REPOSITORY))
    if not usable(facts):
        return findings(facts, ())
    functions = [diagnostics.function(release.aws, release.clock, target) for target in release.targets]
    return [*findings(facts, functions), *_announced(release, examined(functions))]


def _announced(release: Session, found: Examination) -> Iterator[Finding]:
    """Announce what drifted since it was last announced; yield a finding where AWS does not take the event."""
    try:
        release.aws.announce_drift(release.stack, release.targets[0], found)
    except AwsError as problem:
        if any(found.values()):
            yield Finding(Grade.WARNING, "event of the drift", str(problem))


def _table(found: Sequence[Finding]) -> Table:
    table = plain_table(headed=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for each in sorted(found, key=lambda each: list(Grade).index(each.grade)):  # bad findings last, next to the prompt
        text = Text.assemble((each.about, "bold"), ": ", each.said)
        if each.remedy:
            text.append(f"\n-> {each.remedy}")
        table.add_row(Text(each.grade.value, style=STYLES[each.grade]), text)
    return table
