"""Write a stack's last releases, with their traffic, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from infra.console import UsageError
from infra.release.cli.session import Session
from infra.release.model.attempt import Attempt
from infra.release.reports import story
from infra.release.reports.history import Keys
from infra.release.reports.page.document import document
from infra.release.reports.page.model import Page


def write(file: Path, release: Session, shown: Sequence[Attempt], four: Keys) -> None:
    """Write the file. Raises UsageError if it cannot be written."""
    text = document(page(release, shown, four))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"--page is {file}, which cannot be written: {problem.strerror}; name another file") from None


def page(release: Session, shown: Sequence[Attempt], four: Keys) -> Page:
    """Read what the page of these releases shows, and return it."""
    from infra.release.aws import timeline  # noqa: PLC0415 - `power` and `--help` need no boto3
    from infra.release.aws.deployments import described, infos  # noqa: PLC0415 - the same

    clients, clock = release.aws.clients, release.clock
    targets = {target.function: target for target in release.targets}
    ids = {id_ for each in shown for id_ in (each.deployment, *each.back) if id_}
    records = {info["deploymentId"]: described(info, clock) for info in infos(clients, ids)}
    now, windows, moved = clock.now(), [], []
    for each in shown:
        start, end = story.window(each, now)
        events = timeline.lifecycle(clients, clock, each.deployment) if each.deployment else ()
        moved.append(story.moves(each, records, events, start))
        versions = tuple(dict.fromkeys(filter(None, (each.stable, each.version))))
        period = timeline.period(start, end, now)
        target = targets[each.function]
        windows.append(
            timeline.Window(each.function, target.alias, versions, start, end, period, answered=target.answered)
        )
    counts = timeline.read(clients, clock, windows)
    sections = [
        story.section(
            each,
            story.chart(each, counted, moves, (clock.real(window.start), window.length, window.period)),
            clock.real,
        )
        for each, window, counted, moves in zip(shown, windows, counts, moved, strict=True)
    ]
    live = {target.function: str(release.aws.alias(target.function, target.alias)) for target in release.targets}
    return story.page(release.stack, live, sections, four, clock.real(now))
