"""Puts every simulated minute on the timeline, one after the other; none is skipped, however late it is."""

from collections.abc import Callable

from local.cloud.clock import CLOCK
from local.cloud.metrics.store import minute_start
from local.cloud.timeline import TIMELINE, Timeline

AFTER_SECONDS = 5
"""Simulated seconds into a minute at which alarms are evaluated: calls that end just after it began still count."""
_CHECK_SECONDS = 0.25
"""Real seconds after which the factor is read again, since another factor moves the start of the next minute."""


class Minutes:
    """Calls `evaluate` with the start of each minute, before which data count; it returns True if it had an alarm."""

    def __init__(self, evaluate: Callable[[float], bool], timeline: Timeline = TIMELINE) -> None:
        self._evaluate = evaluate
        self._timeline = timeline
        self._factor = 0.0
        self._seen = 0.0

    def start(self) -> None:
        """Begin with the next minute."""
        self._timeline.soon(self._check)

    def _check(self) -> None:
        now, after = self._timeline.now(), CLOCK.real(AFTER_SECONDS)
        if self._factor != CLOCK.factor:
            self._factor, self._seen = CLOCK.factor, minute_start(now - after)
        elif (minute := self._next()) + after <= now:
            self._seen = minute
            if not self._evaluate(minute):  # without an alarm it does not matter which minute is next
                self._seen = max(minute, minute_start(CLOCK.now() - after))
        self._timeline.at(min(self._next() + after, now + _CHECK_SECONDS), self._check)

    def _next(self) -> float:
        return minute_start(self._seen + 1.5 * CLOCK.minute)
