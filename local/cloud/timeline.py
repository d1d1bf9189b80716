"""The one timeline: one thread does what is due in the order of simulated time, however late the machine is.

Alarms register their evaluations, CodeDeploy the steps of its curves and the ends of its hooks, Lambda the retries of
asynchronous calls and the polls of event sources. What ends by itself (a session, a token) and what becomes visible
late (a metric) asks `now`. So a shift that is due at minute 10 follows the evaluations of minutes 1 to 9 and all that
they set off, and a machine that stalls for many minutes does them all, one after the other, before anything that was
due later.
"""

import heapq
import itertools
import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from local.cloud.clock import CLOCK

PATIENCE = 2.0
"""Real seconds for which a running call delays what is due after it: a longer call is slow by itself, not because of
this machine."""
_SHORTEST_WAIT = 0.001

_LOG = logging.getLogger(__name__)
Deed = Callable[[], None]


@dataclass(frozen=True)
class Lateness:
    """How late the timeline is, and was: `behind` the clock now, and the sum of how `late` each of the things `done`
    since the start was. Times are real seconds."""

    behind: float
    done: int
    late: float


@dataclass(eq=False)
class Hold:
    """A call that delays what is due after its moment `at`, until it ends or the clock reaches `until`."""

    at: float
    until: float


class Timeline:
    """Times are real seconds since the epoch, like every timestamp; `clock` reads the machine's."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._given = clock
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._due: list[tuple[float, int, Deed]] = []
        self._doing: float | None = None
        self._passed = -math.inf
        self._doer: threading.Thread | None = None
        self._done, self._late = 0, 0.0
        self._holds: set[Hold] = set()

    def now(self) -> float:
        """Return the timeline's time: all that was due before is done. It is never later than the clock."""
        with self._changed:
            return self._reached()

    def lateness(self) -> Lateness:
        """Return how late this machine is with what is due; all is 0 on one that keeps up."""
        with self._changed:
            return Lateness(max(0.0, self._clock() - self._reached()), self._done, self._late)

    def at(self, due: float, deed: Deed) -> None:
        """Do `deed` when the timeline reaches `due`; if that has passed, at once, but after what was due before."""
        with self._changed:
            self._push(due, deed)

    def soon(self, deed: Deed) -> None:
        """Do `deed` next if called on the timeline; else when the timeline reaches the present moment."""
        with self._changed:
            here = self._doing if self.is_here() else None
        self.at(self._clock() if here is None else here, deed)

    def is_here(self) -> bool:
        """Return True in the thread that does what is due."""
        return threading.current_thread() is self._doer

    @contextmanager
    def call(self) -> Iterator[Hold]:
        """Delay, while a call runs, what is due after its beginning; at most for PATIENCE."""
        now = self._clock()
        hold = self._held(Hold(now, now + PATIENCE))
        try:
            yield hold
        finally:
            self.end(hold)

    def hold(self) -> Hold:
        """Delay what is due after the present moment, for a call that is about to begin, until its `end`. PATIENCE
        limits that only from `begin`."""
        return self._held(Hold(self.now(), math.inf))

    def begin(self, hold: Hold) -> None:
        """Begin the PATIENCE of a call now, when a worker takes it: the wait for one is due to this machine."""
        with self._changed:
            hold.until = self._clock() + PATIENCE
            self._wake(hold)

    def end(self, hold: Hold, deed: Deed | None = None) -> None:
        """Delay nothing any more. `deed` is done at the call's moment, or where the timeline is if that has passed."""
        with self._changed:
            self._holds.discard(hold)
            if deed is not None:
                self._push(max(hold.at, self._passed), deed)
            self._wake(hold)

    def start(self) -> None:
        """Start the thread that does what is due."""
        threading.Thread(target=self._run, name="timeline", daemon=True).start()

    def catch_up(self) -> None:
        """Do all that is due and that no call delays, in order, in this thread."""
        self._doer = threading.current_thread()
        while (deed := self._take()) is not None:
            self._do(deed)

    def _clock(self) -> float:
        return CLOCK.now() if self._given is None else self._given()

    def _run(self) -> None:
        while True:
            self.catch_up()
            with self._changed:
                if (wait := self._wait()) is None or wait > 0:
                    self._changed.wait(wait and max(wait, _SHORTEST_WAIT))

    def _wake(self, hold: Hold) -> None:
        """Wake the thread if it waits for this call: a needless wake-up costs more than most calls do."""
        if self._due and hold.at < self._due[0][0] <= self._clock():
            self._changed.notify_all()

    def _push(self, due: float, deed: Deed) -> None:
        """Add what is due, and wake the thread if it waits for something later."""
        if not self._due or due < self._due[0][0]:
            self._changed.notify_all()
        heapq.heappush(self._due, (due, next(self._order), deed))

    def _take(self) -> Deed | None:
        with self._changed:
            if self._wait() != 0:
                return None
            due, _, deed = heapq.heappop(self._due)
            self._done, self._late = self._done + 1, self._late + max(0.0, self._clock() - due)
            self._doing, self._passed = due, max(due, self._passed)
            return deed

    def _do(self, deed: Deed) -> None:
        try:
            deed()
        except Exception:
            _LOG.exception("what was due at %s could not be done", self._doing)
        finally:
            with self._changed:
                self._doing = None

    def _reached(self) -> float:
        if self._doing is not None:
            return self._doing
        return min(self._clock(), self._due[0][0]) if self._due else self._clock()

    def _wait(self) -> float | None:
        """Return the seconds until the first thing can be done; None if that is not known."""
        if not self._due:
            return None
        now, due = self._clock(), self._due[0][0]
        if due > now:
            return due - now
        until = max((hold.until for hold in self._holds if hold.at < due), default=now)
        return None if math.isinf(until) else max(until - now, 0.0)

    def _held(self, hold: Hold) -> Hold:
        with self._changed:
            self._holds.add(hold)
        return hold


TIMELINE = Timeline()
