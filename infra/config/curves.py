"""The curve of one function's canary: configured, or chosen for each release by the function's traffic."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from infra.schema import Check, InvalidValueError, Section, Whole, shown

AUTO = "auto"
LONGEST = 60
"""Minutes of the longest curve that may be chosen, where nothing is configured."""
MINUTES = Whole(5, 1440, "minutes", "metrics arrive up to 3 minutes late, and an alarm looks back a day at most")


class Chance(Check):
    """A probability that a test can be asked for."""

    expected = "a fraction from 0.5 to 0.999, e.g. 0.9"

    def check(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValueError("not a number")
        if not 0.5 <= value <= 0.999:
            raise InvalidValueError("out of bounds: below, a coin would do as well, and no canary makes it certain")
        return float(value)


@dataclass(frozen=True)
class Curve:
    """strata:delivery.curve: the canary's share of the traffic and how long it lasts."""

    percent: Annotated[int, Whole(1, 99, "percent", "a canary has some of the traffic, never none or all")] = 10
    minutes: Annotated[int, MINUTES] = 10


CANARY = Curve()
"""The curve of a stack that gives none."""


@dataclass(frozen=True)
class AutoCurve(Curve):
    """`curve: auto`: each release chooses. The share and the minutes are those of a function without traffic."""


@dataclass(frozen=True)
class Detect:
    """strata:delivery.detect: the regression, in percentage points, that a chosen curve catches with this chance."""

    points: Annotated[
        int, Whole(1, 99, "percentage points", "0 is no regression, and nothing fails more than all of its requests")
    ] = 5
    chance: Annotated[float, Chance()] = 0.9


class CurveOf(Section):
    """A curve, or `auto`."""

    expected = "auto, or an object"

    def __init__(self) -> None:
        super().__init__(Curve)

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Any]:
        if value == AUTO:
            yield AutoCurve()
        elif isinstance(value, str):
            mistakes.append(f"{path} is {shown(value)}, neither auto nor an object; give percent and minutes, or auto")
        else:
            yield from super().read(value, path, mistakes)


@dataclass(frozen=True)
class CurveSettings:
    """How one function's curve is found. `detect` None: it is always `default`. `listed`: curves of the stack's own."""

    default: Curve
    detect: Detect | None = None
    longest: int = LONGEST
    listed: tuple[Curve, ...] = ()
