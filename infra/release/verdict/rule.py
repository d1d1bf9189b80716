"""The bounds of the verdict, each with its meaning, unit, allowed values and the source of its default."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from infra.schema import Check, InvalidValueError, mistakes_in, settings


class VerdictError(ValueError):
    """Counts, bounds or an alarm that cannot be. `mistakes` holds every one of them, `str()` all in one line."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class Bound(Check):
    """The meaning, unit, allowed values and source of the default of a field of `Rule`."""

    meaning: str
    unit: str
    least: float
    most: float
    outside: str
    source: str
    whole: bool = False
    optional: bool = False
    expected: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        left_out = ", or leave it out" if self.optional else ""
        object.__setattr__(self, "expected", f"{self.least:g} to {self.most:g}{left_out}")

    def check(self, value: object) -> object:
        if value is None and self.optional:
            return None
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or (self.whole and value != int(value)):  # type: ignore[call-overload]
            raise InvalidValueError(f"not a {'whole' if self.whole else 'finite'} number of {self.unit}")
        if not self.least <= value <= self.most:  # type: ignore[operator]
            raise InvalidValueError(f"outside {self.least:g} - {self.most:g} {self.unit}: {self.outside}")
        return value


@dataclass(frozen=True)
class Rule:
    """The bounds of the verdict. Every field carries its `Bound` (see `Rule.bounds()`).

    Raises:
        VerdictError: a bound that can never fire or always would, with the value, the limits and the remedy.
    """

    z: Annotated[
        float,
        Bound(
            meaning="how many standard errors the canary's error rate must lie above stable's",
            unit="standard errors",
            least=1.5,
            most=10,
            outside="below, chance alone rolls back one good release in six; above, 100 requests can never show enough",
            source="measured (docs/verdict.md): holds good releases rolled back under 0.5 % over all looks of a canary",
        ),
    ] = 3.15
    correction: Annotated[
        float,
        Bound(
            meaning="canary errors taken off before comparing, since counts are whole and their distribution is skewed",
            unit="errors",
            least=0,
            most=10,
            outside="a negative correction invents errors; a larger one hides what `forgiven` is for",
            source="measured (docs/verdict.md): offsets the skew of small counts, (z² - 1)(1 - 2 share)/6 = 1.2",
        ),
    ] = 1
    minimum_errors: Annotated[
        int,
        Bound(
            meaning="the fewest canary errors that may roll back",
            unit="errors",
            least=1,
            most=1000,
            outside="with none an empty canary would be judged; with more the verdict comes after the harm",
            source="chosen (docs/verdict.md): a good version may fail three first calls; fewer is noise at 1 request/s",
            whole=True,
        ),
    ] = 4
    absolute: Annotated[
        float,
        Bound(
            meaning="how far above stable's error rate the canary's rolls back whatever its significance",
            unit="of requests",
            least=0.01,
            most=0.99,
            outside="at 0 any difference would roll back, at 1 none ever could",
            source="measured (docs/verdict.md): stops a plain failure sooner where traffic is low, at little cost",
        ),
    ] = 0.25
    forgiven: Annotated[
        int,
        Bound(
            meaning="canary errors never counted, for a version whose very first calls may fail",
            unit="errors",
            least=0,
            most=1000,
            outside="a negative number would invent errors; a larger one blinds the verdict",
            source="off, since its price in detection (docs/verdict.md) is for the owner of the function to pay",
            whole=True,
        ),
    ] = 0
    slow_milliseconds: Annotated[
        int | None,
        Bound(
            meaning="the duration above which an invocation counts as slow; left out, slowness is not judged",
            unit="milliseconds",
            least=1,
            most=899_999,
            outside="every invocation takes longer than 0 ms, and none outlives Lambda's 900 s",
            source="off, since only the function's own latency objective can say",
            whole=True,
            optional=True,
        ),
    ] = None

    def __post_init__(self) -> None:
        if mistakes := mistakes_in(self):
            raise VerdictError(*(f"rule.{mistake}" for mistake in mistakes))

    @classmethod
    def bounds(cls) -> Mapping[str, Bound]:
        """Return the `Bound` of each field, by name."""
        return {each.name: each.reader for each in settings(cls).values() if isinstance(each.reader, Bound)}
