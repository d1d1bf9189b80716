"""Puts every simulated minute on the timeline, one after the other; none is left out, however late it is."""

from collections.abc import Callable

from local.cloud.clock import CLOCK
from local.cloud.metrics.store import minute_start
from local.cloud.timeline import TIMELINE, Timeline

AFTER_SECONDS = 5
"""Simulated seconds into a minute at which alarms are evaluated: calls that end just after it began still count."""
_LOOK_SECONDS = 0.25
"""Real seconds after which the factor is looked at again, since another one makes the next minute begin elsewhere."""


class Minutes:
    """Hands the start of each minute, which ends the data that count, to `evaluate`; it says whether it had a use."""

    def __init__(self, evaluate: Callable[[float], bool], timeline: Timeline = TIMELINE) -> None:
        self._evaluate = evaluate
        self._timeline = timeline
        self._factor = 0.0
        self._seen = 0.0

    def start(self) -> None:
        """Begin with the next minute."""
        self._timeline.soon(self._look)

    def _look(self) -> None:
        now, after = self._timeline.now(), CLOCK.real(AFTER_SECONDS)
        if self._factor != CLOCK.factor:
            self._factor, self._seen = CLOCK.factor, minute_start(now - after)
        elif (minute := self._next()) + after <= now:
            self._seen = minute
            if not self._evaluate(minute):  # as long as there is no alarm, one minute is as good as another
                self._seen = max(minute, minute_start(CLOCK.now() - after))
        self._timeline.at(min(self._next() + after, now + _LOOK_SECONDS), self._look)

    def _next(self) -> float:
        return minute_start(self._seen + 1.5 * CLOCK.minute)
