"""Simulated time: durations are scaled by one factor, timestamps stay real."""

import time

SECONDS_PER_MINUTE = 60.0


class Clock:
    """The speed of simulated minutes. `factor` may be set while the cloud runs."""

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = 1.0
        self.factor = factor

    @property
    def factor(self) -> float:
        """Return the simulated seconds per real second."""
        return self._factor

    @factor.setter
    def factor(self, value: float) -> None:
        if not 0 < value <= 10_000:
            raise ValueError(f"factor {value} is out of range: it must be above 0 and at most 10000; 1 is real time")
        self._factor = float(value)

    @property
    def minute(self) -> float:
        """Return the real seconds of one simulated minute."""
        return SECONDS_PER_MINUTE / self._factor

    def real(self, seconds: float) -> float:
        """Return the real seconds that the simulated duration `seconds` takes."""
        return seconds / self._factor

    def now(self) -> float:
        """Return the real seconds since the epoch: timestamps are never scaled."""
        return time.time()


CLOCK = Clock()
