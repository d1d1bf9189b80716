"""How often a batch is delivered again although the function has done it, as AWS's "at least once" allows.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

import random


class Delivery:
    """The setting, which may change while the cloud runs."""

    def __init__(self) -> None:
        self._duplicates = 0.0

    @property
    def duplicates(self) -> float:
        """Return the chance, from 0 to 1, that a batch which succeeded is delivered again."""
        return self._duplicates

    @duplicates.setter
    def duplicates(self, value: float) -> None:
        if not 0 <= value < 1:
            raise ValueError(f"duplicates is {value}: it must be a chance, at least 0 and below 1")
        self._duplicates = float(value)

    def again(self) -> bool:
        """Return True if a batch is to be delivered once more."""
        return random.random() < self._duplicates  # noqa: S311 - a share of traffic, no secret


DELIVERY = Delivery()
