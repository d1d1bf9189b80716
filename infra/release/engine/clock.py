"""The runner's clock. A rehearsal is faster than real time: `STRATA_CLOCK_RATE` simulated seconds pass in one real
second, while the services' timestamps stay real. The engine works in simulated time throughout, and this clock converts
every timestamp. At rate 1, the default, both are the same.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from infra.release.model.spec import ReleaseError

VARIABLE = "STRATA_CLOCK_RATE"
SHORTEST_PAUSE = timedelta(seconds=0.25)
"""In real time, whatever the rate: each observation costs API calls."""


class Interrupted(ReleaseError):  # noqa: N818 - nothing is wrong
    """The caller ended the wait, by Ctrl-C or a signal."""


class Clock(Protocol):
    """Time as the runner uses it."""

    def now(self) -> datetime: ...

    def sleep(self, duration: timedelta) -> None:
        """Raises Interrupted when the wait was given up."""


class ScaledClock:
    """Wall-clock time, `rate` times as fast. `interrupt` may be called from any thread."""

    def __init__(self, rate: float = 1.0) -> None:
        if not 0 < rate <= 10_000:
            raise ReleaseError(
                f"{VARIABLE} is {rate:g}: time can pass 1 to 10000 times as fast as real; unset it on AWS"
            )
        self._rate = rate
        self._anchor = datetime.now(UTC)
        self._interrupted = threading.Event()

    @classmethod
    def from_environment(cls) -> ScaledClock:
        text = os.environ.get(VARIABLE) or "1"
        try:
            return cls(float(text))
        except ValueError:
            raise ReleaseError(f"{VARIABLE} is {text!r}: it must be a number; unset it on AWS") from None

    def simulated(self, real: datetime) -> datetime:
        """Convert a service's timestamp to this clock's time."""
        return self._anchor + (real - self._anchor) * self._rate

    def real(self, simulated: datetime) -> datetime:
        """Convert a time of this clock to a service's timestamp."""
        return self._anchor + (simulated - self._anchor) / self._rate

    def now(self) -> datetime:
        return self.simulated(datetime.now(UTC))

    def sleep(self, duration: timedelta) -> None:
        if self._interrupted.wait(max(duration / self._rate, SHORTEST_PAUSE).total_seconds()):
            raise Interrupted("the wait was given up")

    def pause(self, duration: timedelta) -> None:
        """Sleep between two requests, however briefly; `interrupt` does not end it."""
        time.sleep(duration.total_seconds() / self._rate)

    def interrupt(self) -> None:
        """End the sleep under way, and any later one, with Interrupted."""
        self._interrupted.set()

    def resume(self) -> None:
        """Let it sleep again after `interrupt`."""
        self._interrupted.clear()
