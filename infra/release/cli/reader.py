"""Read from AWS what the viewer and the screen of `watch` show, again and again while a page or screen asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from infra.console import CommandError
from infra.release.cli import status
from infra.release.cli.session import Session, open_session
from infra.release.decision.context import ReleaseContext
from infra.release.engine.clock import ScaledClock
from infra.release.model.observation import Deployment
from infra.release.model.spec import ReleaseError
from infra.release.reports import snapshot, story
from infra.release.reports.history import attempts, named
from infra.release.reports.page.model import Chart
from infra.release.reports.snapshot import AlarmShown, FunctionShown, OrdersShown, Snapshot
from infra.release.reports.timeline import Moves, series

EVERY = timedelta(seconds=10)
"""Between two readings, in the clock's time: CloudWatch has a point a minute."""
SHORTEST, IDLE = 2.0, 30.0
"""Real seconds between two readings: at least, and where nothing is in flight at a clock that is not scaled."""
ORDERS_EVERY = 60.0
"""Real seconds between two readings of the orders at a clock that is not scaled: each reads a page of the table."""
ANEW = 60.0
"""Real seconds after which the stack's state is read again, for what the last `pulumi up` wants."""
MINUTE = timedelta(minutes=1)


class Reader:
    """Reads a stack's release. A reading that fails keeps what the last one found, and says why it failed.

    orders: read the last orders too, which takes a right to read the table.
    """

    def __init__(
        self, stack: str, function: str, opened: Callable[[str, str], Session] | None = None, *, orders: bool = False
    ) -> None:
        self._stack, self._function, self._with_orders = stack, function, orders
        self._orders: OrdersShown | None = None
        self._ordered: float | None = None
        self._open = opened or (lambda stack, function: open_session(stack, release_of=function))
        self._session: Session | None = None
        self._since = 0.0
        self.last = Snapshot(stack, 0.0, problem=snapshot.UNREAD)

    def read(self) -> Snapshot:
        """Read once, and return what to show."""
        try:
            session = self._opened()
            functions = tuple(_shown(session, *each) for each in status.observed_in_context(session, ""))
        except (ReleaseError, CommandError) as problem:
            self._session = None
            self.last = replace(self.last, problem=str(problem))
        except Exception as problem:  # whatever it is, the page says so and reading goes on
            self._session = None
            self.last = replace(self.last, problem=f"{type(problem).__name__}: {problem}")
        else:
            factor = _factor(session.clock)
            self.last = Snapshot(self._stack, time.time(), factor, functions, orders=self._read_orders(session, factor))
        return self.last

    def _read_orders(self, session: Session, factor: float) -> OrdersShown | None:
        """Return the last orders, or those of a short while ago. A reading that fails hides nothing else."""
        if not self._with_orders or not session.table:
            return None
        from infra.release.aws import orders  # noqa: PLC0415 - `power` and `--help` need no boto3

        now = time.monotonic()
        if self._ordered is None or factor > 1 or now - self._ordered >= ORDERS_EVERY:
            self._ordered = now
            try:
                self._orders = orders.last(session.aws.clients, session.table)
            except ReleaseError as problem:
                self._orders = OrdersShown(problem=str(problem).partition("; add the action")[0])
        return self._orders

    @property
    def pause(self) -> float:
        """Real seconds until the next reading."""
        busy = any(each.deployment for each in self.last.functions) or self.last.factor > 1
        return max(SHORTEST, EVERY.total_seconds() / self.last.factor) if busy or self.last.problem else IDLE

    def _opened(self) -> Session:
        """Return the session. Each is new after a while, so that its caches stay small."""
        if self._session is None or time.monotonic() - self._since > ANEW:
            self._session, self._since = self._open(self._stack, self._function), time.monotonic()
        return self._session


def _factor(clock: ScaledClock) -> float:
    now = clock.now()
    return MINUTE / (clock.real(now + MINUTE) - clock.real(now))


def _shown(session: Session, context: ReleaseContext, each: status.FunctionStatus) -> FunctionShown:
    from infra.release.aws import timeline  # noqa: PLC0415 - `power` and `--help` need no boto3
    from infra.release.aws.shifts import shifts  # noqa: PLC0415 - the same

    clients, clock, target, seen = session.aws.clients, session.clock, context.target, context.seen
    newest = seen.followed or seen.last_attempt
    events = timeline.lifecycle(clients, clock, newest.id) if newest else ()
    found = attempts(target, seen.ledger, seen.tags, clock.simulated)[: snapshot.MOST_RELEASES]
    past = named(found, shifts(clients, [one.deployment for one in found if one.deployment]))
    end = clock.now()
    start = end - snapshot.MINUTES * MINUTE
    own = next((one for one in past if newest and one.deployment == newest.id), None)
    records: dict[str, Deployment] = {one.id: one for one in seen.ledger}
    moved: Moves | None = story.moves(own, records, events, start) if own else None
    versions = tuple(dict.fromkeys(filter(None, (own.stable, own.version) if own else seen.compared)))
    window = timeline.Window(target.function, target.alias, versions, start, end, answered=target.answered)
    [counts] = timeline.read(clients, clock, [window])
    by_version = {version: count for version, count in counts.items() if version}
    drawn = series(counts[timeline.ALIAS], by_version, moved, snapshot.MINUTES, only=seen.live.number)
    marks = tuple(mark for mark in (moved.marks() if moved else ()) if mark.minute >= 0)
    chart = Chart(target.function, "", drawn, marks)
    flying = each.document["in_flight"]
    judged = each.traffic.verdict is not None
    return FunctionShown(
        name=target.function,
        alias=str(seen.alias),
        shares=snapshot.shares(context, each.traffic.shares, judged=judged),
        deployment=flying["deployment"] if flying else "",
        phase=flying["phase"].replace("_", " ") if flying else "",
        text=flying["text"] if flying else "nothing is in flight",
        passed=each.traffic.passed,
        minutes=each.traffic.minutes,
        statistic=snapshot.statistic(context, chart, moved) if judged else None,
        start=clock.real(start).timestamp(),
        chart=chart,
        phases=snapshot.phases(target, events, clock.real),
        alarms=_alarms(session, context),
        ledger=snapshot.ledger(past, clock.real),
        notes=tuple(status.notes(each.document)),
    )


def _alarms(session: Session, context: ReleaseContext) -> tuple[AlarmShown, ...]:
    """Return the alarms of the deployment in flight, else those of the alias."""
    from infra.release.aws import metrics  # noqa: PLC0415 - `power` and `--help` need no boto3

    target, running = context.target, context.seen.followed or context.seen.in_flight
    names = sorted({*(running.alarms if running else ()), target.alarm, target.throttle_alarm} - {""})
    return tuple(
        AlarmShown(
            each["AlarmName"],
            each["StateValue"],
            each["StateUpdatedTimestamp"].timestamp() if "StateUpdatedTimestamp" in each else None,
            each.get("StateReason", "")[: snapshot.LONGEST_TEXT],
        )
        for each in metrics.described(session.aws.clients, names)
    )


class Feed:
    """Hands the newest snapshot to each client. It reads only while one asks, and keeps one snapshot alone."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._changed = threading.Condition()
        self._number, self._viewers, self._over = 0, 0, False

    def start(self) -> None:
        """Start the thread that reads."""
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    def stop(self) -> None:
        """End the thread, and every wait."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def __enter__(self) -> Feed:
        with self._changed:
            self._viewers += 1
            self._changed.notify_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._viewers -= 1

    @property
    def over(self) -> bool:
        """True once it was stopped."""
        return self._over

    @property
    def viewers(self) -> int:
        """How many pages follow it."""
        return self._viewers

    def after(self, number: int, seconds: float) -> tuple[int, Snapshot] | None:
        """Wait for a snapshot newer than `number`; return its number and it, or None after so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._number > number or self._over, seconds) or self._over:
                return None
            return self._number, self._reader.last

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._viewers or self._over)
                if self._over:
                    return
            self._reader.read()
            with self._changed:
                self._number += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._over, self._reader.pause)
