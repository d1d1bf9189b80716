"""The page of a stack's last releases, from its records and CloudWatch's counts. Pure.

Times are the runner's clock's; `real` converts them to AWS's, which a reader sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from infra.release.model.attempt import Attempt
from infra.release.model.lifecycle import SHIFT, LifecycleEvent
from infra.release.model.observation import Deployment, Status
from infra.release.reports.history import Keys
from infra.release.reports.page.model import Chart, Page, Section
from infra.release.reports.timeline import Counted, Moves, series

BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=5)
"""How much of the time around a release is shown."""
MINUTE = timedelta(minutes=1)
Real = Callable[[datetime], datetime]


def window(attempt: Attempt, now: datetime) -> tuple[datetime, datetime]:
    """Return the time that a release's chart shows, from whole minute to whole minute of a clock that has any."""
    start = (attempt.started - BEFORE).replace(second=0, microsecond=0)
    return start, min((attempt.ended or now) + AFTER, max(now, start + MINUTE))


def moves(
    attempt: Attempt, records: Mapping[str, Deployment], events: Iterable[LifecycleEvent], start: datetime
) -> Moves | None:
    """Return when a release moved traffic, in minutes since `start`; None if it has no deployment on record.

    records: the deployments of this release and those that brought its traffic back, by id.
    """
    own = records.get(attempt.deployment or "")
    if own is None or attempt.stable is None:
        return None
    shift = next((each for each in events if each.name == SHIFT), None)
    ways_back = [records[id_] for id_ in attempt.back if id_ in records]
    back = [each.ended for each in ways_back if each.status is Status.SUCCEEDED and each.ended]

    def minute(at: datetime | None) -> float | None:
        return (at - start) / MINUTE if at else None

    return Moves(
        stable=attempt.stable,
        canary=attempt.version,
        created=(own.created - start) / MINUTE,
        shifting=minute(shift.started) if shift else None,
        shifted=minute(shift.ended) if shift and shift.status == "Succeeded" else None,
        ended=minute(own.ended),
        failed=own.failed,
        error=own.error,
        back=minute(back[-1]) if back else None,
    )


def chart(
    attempt: Attempt, counts: Mapping[str, Counted], moved: Moves | None, span: tuple[datetime, int, int]
) -> Chart:
    """Return the chart of a release.

    counts: by version, the alias's own under "". span: AWS's time of the beginning, the number of points, and the
    minutes of one.
    """
    start, length, period = span
    scaled = moved.scaled(period) if moved else None
    versions = {version: each for version, each in counts.items() if version}
    shown = series(counts.get("", Counted()), versions, scaled, length, only=attempt.version or "not known")
    return Chart(attempt.function, f"{start:%Y-%m-%d %H:%M} UTC", shown, moved.marks() if moved else (), period)


def section(attempt: Attempt, drawn: Chart, real: Real) -> Section:
    """Return the section of one release."""
    versions = f"{attempt.stable} -> {attempt.version or '?'}" if attempt.stable else attempt.version
    return Section(
        name=f"{attempt.function} {versions}",
        title=f"{attempt.function} {versions}, {real(attempt.started):%Y-%m-%d %H:%M} UTC",
        outcome=attempt.ending.value if attempt.ending else "in flight",
        reason=attempt.reason,
        facts=tuple(_facts(attempt)),
        detail="; ".join([attempt.why, *attempt.allowed]),
        requests=drawn.requests,
        harmed=drawn.errors,
        charts=(drawn,),
    )


def _facts(attempt: Attempt) -> Iterator[tuple[str, str]]:
    yield "deployment", attempt.deployment or "none: a first version"
    yield "commit", attempt.commit
    yield "by", attempt.by
    yield "digest", attempt.digest or "not recorded"
    if attempt.minutes is not None:
        yield "minutes", f"{attempt.minutes:.1f}"
    if attempt.back:
        yield "reverted by", ", ".join(attempt.back)


def page(stack: str, live: Mapping[str, str], sections: Sequence[Section], four: Keys, made: datetime) -> Page:
    """Return the page. live: by function, where its alias's traffic is. four: DORA's keys. made: AWS's time."""
    where = "; ".join(f"{function} is on {alias}" for function, alias in live.items())
    rate = "unknown" if four.failure_rate is None else f"{four.failure_rate:.0%}"
    figures = (
        (f"promoted in {four.days} days", f"{four.releases}"),
        ("change failure rate", f"{rate}: {four.failed} of {four.ended} that ended"),
        ("lead time", "unknown" if four.lead_hours is None else f"{four.lead_hours:.1f} h"),
        ("time to restore", "unknown" if four.restore_minutes is None else f"{four.restore_minutes:.1f} min"),
    )
    lead = f"{where or 'No function has traffic'}. The last releases follow, newest first; times are AWS's, in UTC."
    said = f"Written on {made:%Y-%m-%d at %H:%M:%S} UTC from CodeDeploy's records and CloudWatch's metrics."
    return Page(f"Releases of stack {stack}", lead, said, tuple(sections), figures)
