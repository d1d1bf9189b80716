"""A runner in a thread of its own, which runs only while it is let: deterministic, and stopped wherever it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleaseError

MOST_LOOKS = 100
"""Without a pause between them: one for each mark, deployment and restored alias of a set."""
MOST_NAPS = 5000
"""Of one runner: two for each ten seconds of the longest hook, canary, way back and window, twice over."""


class Crash(BaseException):
    """The runner's process is killed."""


class Actor:
    """`work` gets the actor as its clock. `wake`: when its sleep ends; `end`: the outcomes, once there are any."""

    def __init__(self, name: str, now: Callable[[], datetime], work: Callable[[Actor], Mapping[str, Outcome]]) -> None:
        self.name, self.now, self._work = name, now, work
        self.wake = now()
        self.end: Mapping[str, Outcome] | None = None
        self.error: BaseException | None = None  # by which it ended otherwise
        self._order: BaseException | None = None
        self._looks, self._naps = 0, 0
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def over(self) -> bool:
        return self.end is not None or self.error is not None

    def looks(self) -> None:
        """Counts every look; one that never sleeps would drown AWS in calls."""
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise AssertionError(f"{self.name} never sleeps")

    def sleep(self, duration: timedelta) -> None:
        """As the runner's clock does: gives way to the test until that time has come."""
        self._looks, self._naps = 0, self._naps + 1
        if self._naps > MOST_NAPS:
            raise AssertionError(f"{self.name} never ends")
        self.wake = self.now() + duration
        self._back.release()
        self._go.acquire()
        order, self._order = self._order, None
        if order is not None:
            raise order

    def resume(self, order: BaseException | None = None) -> None:
        """Let it run to its next sleep; `order` is raised where it sleeps. Raises what no runner may end by."""
        if self.over():
            return
        self._order = order
        self._go.release()
        self._back.acquire()
        if self.over():
            self._thread.join()
        if self.error is not None and not isinstance(self.error, ReleaseError | Crash):
            raise self.error

    def _live(self) -> None:
        self._go.acquire()
        try:
            if self._order is not None:
                raise self._order
            self.end = self._work(self)
        except BaseException as error:
            self.error = error
        self._back.release()
