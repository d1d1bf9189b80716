"""What the viewer shows of a release at one moment. Frozen data, and pure functions that make it of observations.

Times are AWS's, in seconds since the epoch. Lists have a bound each, so that a page that is left open does not grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from infra.release.decision.context import ReleaseContext
from infra.release.model.attempt import Attempt
from infra.release.model.lifecycle import HOOKS, LifecycleEvent
from infra.release.model.spec import Target
from infra.release.reports.page.model import Chart, Series
from infra.release.reports.timeline import Moves
from infra.release.verdict.judge import Counts, Rule, judge

MINUTES = 60
"""Minutes of traffic that are shown."""
MOST_RELEASES = 12
"""Releases of the timeline."""
LONGEST_TEXT = 600
"""Characters of a message that are shown; a traceback may be longer."""
UNREAD = "AWS has not been read yet"
"""The problem of a snapshot before the first reading."""
Real = Callable[[datetime], datetime]


@dataclass(frozen=True)
class Share:
    """A version's share of the alias's traffic, 0 - 1, and what it did in the verdict's window, if it is judged."""

    version: str
    share: float
    requests: int | None = None
    errors: int | None = None


@dataclass(frozen=True)
class Statistic:
    """The verdict's statistic on the counts so far beside its limit; by_minute: at the end of each shown minute, None
    where nothing was compared."""

    z: float
    limit: float
    fired: bool
    text: str
    by_minute: tuple[float | None, ...]


@dataclass(frozen=True)
class PhaseShown:
    """One lifecycle event; hook: the function that CodeDeploy calls in it, empty without one."""

    name: str
    status: str
    started: float | None
    ended: float | None
    message: str
    hook: str


@dataclass(frozen=True)
class AlarmShown:
    """An alarm's state, OK, ALARM or INSUFFICIENT_DATA, since when, and CloudWatch's reason."""

    name: str
    state: str
    since: float | None
    reason: str


@dataclass(frozen=True)
class Past:
    """One release of the ledger."""

    started: float
    versions: str
    ending: str
    reason: str
    why: str
    commit: str
    by: str
    deployment: str


@dataclass(frozen=True)
class FunctionShown:
    """One function. passed, minutes: of the canary in flight. text: what the release is doing, in words. start: of the
    chart's first minute."""

    name: str
    alias: str
    shares: tuple[Share, ...]
    deployment: str
    phase: str
    text: str
    passed: int
    minutes: int
    statistic: Statistic | None
    start: float
    chart: Chart
    phases: tuple[PhaseShown, ...]
    alarms: tuple[AlarmShown, ...]
    ledger: tuple[Past, ...]
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class OrderShown:
    """An order: its id, and when it was placed and fulfilled. state: placed, fulfilled or not known."""

    id: str
    state: str
    placed: float | None
    fulfilled: float | None


@dataclass(frozen=True)
class OrdersShown:
    """The last orders, newest first. partial: the table has more than was read. problem: why none could be read."""

    found: tuple[OrderShown, ...] = ()
    partial: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Snapshot:
    """All that the viewer shows. at: when AWS was read. factor: simulated seconds per second; 1 on AWS. problem: why
    AWS could not be read this time, empty if it could; the functions are then those of the last time. orders: None
    where the stack has no table of orders, or they are not asked for."""

    stack: str
    at: float
    factor: float = 1.0
    functions: tuple[FunctionShown, ...] = ()
    problem: str = ""
    orders: OrdersShown | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the document that the page draws."""
        return asdict(self)


def shares(context: ReleaseContext, shown: Mapping[str, float], *, judged: bool) -> tuple[Share, ...]:
    """Return the versions' shares; of the two that are compared also their counts, where a deployment is followed."""
    seen = context.seen
    counts = dict(zip(seen.compared, (seen.stable, seen.canary), strict=True)) if judged else {}
    return tuple(
        Share(version, share, *((each.invocations, each.errors) if (each := counts.get(version)) else ()))
        for version, share in shown.items()
    )


def statistic(context: ReleaseContext, chart: Chart, moves: Moves | None) -> Statistic:
    """Return the verdict so far; minute by minute on the sums since the canary's first traffic."""
    rule = context.policy.rule
    verdict = judge(context.seen.stable, context.seen.canary, rule)
    text = verdict.rules if context.seen.canary.invocations else "the canary has had no requests"
    return Statistic(
        round(verdict.z, 3), rule.z, verdict.fired, text, _by_minute(chart.series, moves, rule, chart.bars)
    )


def _by_minute(shown: Sequence[Series], moves: Moves | None, rule: Rule, length: int) -> tuple[float | None, ...]:
    if moves is None or moves.shifting is None:
        return (None,) * length
    by_version = {each.version: each for each in shown}
    stable, canary = by_version.get(moves.stable), by_version.get(moves.canary)
    first, last = int(moves.shifting), int(moves.ended) if moves.ended is not None else length
    found: list[float | None] = []
    for minute in range(length):
        if canary is None or not first <= minute <= last:
            found.append(None)
        else:
            found.append(round(judge(_sum(stable, first, minute), _sum(canary, first, minute), rule).z, 3))
    return tuple(found)


def _sum(each: Series | None, first: int, minute: int) -> Counts:
    """Errors may be counted a minute before their invocations."""
    if each is None:
        return Counts(0, 0)
    requests, errors = sum(each.requests[first : minute + 1]), sum(each.errors[first : minute + 1])
    return Counts(max(requests, errors), errors)


def phases(target: Target, events: Iterable[LifecycleEvent], real: Real) -> tuple[PhaseShown, ...]:
    """Return the lifecycle with the hook of each event that has one."""
    hooks = dict(zip(HOOKS, (target.before_allow_traffic, target.after_allow_traffic), strict=True))
    return tuple(
        PhaseShown(
            each.name,
            each.status,
            _seconds(each.started, real),
            _seconds(each.ended, real),
            each.message[:LONGEST_TEXT],
            hooks.get(each.name, ""),
        )
        for each in events
    )


def ledger(found: Sequence[Attempt], real: Real) -> tuple[Past, ...]:
    """Return the newest releases of a function, newest first."""
    return tuple(
        Past(
            started=real(each.started).timestamp(),
            versions=f"{each.stable} -> {each.version or '?'}" if each.stable else each.version,
            ending=each.ending.value.replace("_", " ") if each.ending else "in flight",
            reason=each.reason,
            why=each.why[:LONGEST_TEXT],
            commit=each.commit[:12],
            by=each.by,
            deployment=each.deployment or "",
        )
        for each in found[:MOST_RELEASES]
    )


def _seconds(at: datetime | None, real: Real) -> float | None:
    return real(at).timestamp() if at else None
