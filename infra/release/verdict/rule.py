"""The bounds of the verdict, each with its meaning, unit, allowed values and the source of its default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from infra.schema import Check, InvalidValueError, OneOf, key_of, mistakes_in, settings

LIKELIHOOD, TWO_PROPORTIONS = "likelihood", "z"
"""The statistics of the relative part: the likelihood ratio, or the two-proportion test that came before it."""

DEFAULTS: Mapping[str, Mapping[str, float]] = {
    LIKELIHOOD: {"z": 3.09, "correction": 0, "minimum_errors": 3, "absolute": 0.22, "absolute_z": 2.74},
    TWO_PROPORTIONS: {"z": 3.15, "correction": 1, "minimum_errors": 4, "absolute": 0.25, "absolute_z": 0},
}
"""Defaults that depend on the statistic."""

ABSOLUTE_MINIMUM = 4

_BY_STATISTIC: Any = None
"""Stands for a default that `Rule.__post_init__` finds."""


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
    """The bounds of the verdict. Every number carries its `Bound` (see `Rule.bounds()`).

    A bound left out has the default of its statistic. `correction` belongs to the statistic z alone: a rule that gives
    it and no statistic, as all rules written before there was a choice, is one of statistic z.

    Raises:
        VerdictError: a bound that can never fire or always would, with the value, the limits and the remedy.
    """

    statistic: Annotated[
        str,
        OneOf(
            LIKELIHOOD,
            TWO_PROPORTIONS,
            why="the relative part asks the likelihood ratio, or the two-proportion test of earlier releases",
        ),
    ] = _BY_STATISTIC
    z: Annotated[
        float,
        Bound(
            meaning="how many standard errors the canary's error rate must lie above stable's; of the likelihood "
            "ratio, the root of twice its logarithm",
            unit="standard errors",
            least=1.5,
            most=10,
            outside="below, chance alone rolls back one good release in six; above, 100 requests can never show enough",
            source="measured (docs/verdict.md): holds good releases rolled back below 0.53 % over all looks",
        ),
    ] = _BY_STATISTIC
    correction: Annotated[
        float,
        Bound(
            meaning="canary errors taken off before comparing; of statistic z alone, whose normal distribution the "
            "skewed counts need it for",
            unit="errors",
            least=0,
            most=10,
            outside="a negative correction invents errors; a larger one hides what `forgiven` is for",
            source="the likelihood ratio needs none; for z 1, which offsets the skew, (z² - 1)(1 - 2 share)/6 = 1.2",
        ),
    ] = _BY_STATISTIC
    minimum_errors: Annotated[
        int,
        Bound(
            meaning="the fewest canary errors with which the relative part may roll back",
            unit="errors",
            least=1,
            most=1000,
            outside="with none an empty canary would be judged; with more the verdict comes after the harm",
            source="measured (docs/verdict.md): two condemn too many good releases, four find half as much at 1/s",
            whole=True,
        ),
    ] = _BY_STATISTIC
    absolute: Annotated[
        float,
        Bound(
            meaning="how far above stable's error rate the canary's rolls back with less significance",
            unit="of requests",
            least=0.01,
            most=0.99,
            outside="at 0 any difference would roll back, at 1 none ever could",
            source="measured (docs/verdict.md): stops a plain failure sooner where traffic is low, at little cost",
        ),
    ] = _BY_STATISTIC
    absolute_z: Annotated[
        float,
        Bound(
            meaning="how many standard errors the absolute part asks for; of the likelihood ratio alone",
            unit="standard errors",
            least=0,
            most=10,
            outside="below 0 any canary that is no worse would do; above, 100 requests can never show enough",
            source="measured (docs/verdict.md): keeps a fault of both versions below 1 % at 0.3 requests/s",
        ),
    ] = _BY_STATISTIC
    absolute_minimum: Annotated[
        int,
        Bound(
            meaning="the fewest canary errors with which the absolute part may roll back; left out, 4 or "
            "`minimum_errors` if that is more (of statistic z, always `minimum_errors`)",
            unit="errors",
            least=1,
            most=1000,
            outside="with none an empty canary would be judged; with more the verdict comes after the harm",
            source="measured (docs/verdict.md): this part asks for less significance, so one error more",
            whole=True,
        ),
    ] = _BY_STATISTIC
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
        self._default("statistic", TWO_PROPORTIONS if self.correction is not _BY_STATISTIC else LIKELIHOOD)
        for name, default in DEFAULTS[self.statistic].items():
            self._default(name, default)
        least = ABSOLUTE_MINIMUM if self.statistic == LIKELIHOOD else 0
        self._default("absolute_minimum", max(least, self.minimum_errors))
        other, name = (TWO_PROPORTIONS, "correction") if self.statistic == LIKELIHOOD else (LIKELIHOOD, "absolute_z")
        if value := getattr(self, name):
            raise VerdictError(
                f"rule.{key_of(name)} is {value!r}, but only statistic {other} has it; leave it out, or give "
                f"statistic: {other}"
            )

    def _default(self, name: str, value: object) -> None:
        if getattr(self, name) is _BY_STATISTIC:
            object.__setattr__(self, name, value)

    def overridden(self, given: Mapping[str, Any]) -> Rule:
        """Return the rule with the bounds `given`, by field. Another statistic begins with its own defaults.

        Raises VerdictError.
        """
        inferred = TWO_PROPORTIONS if "correction" in given else self.statistic
        statistic = given.get("statistic", inferred)
        if statistic == self.statistic:
            fewest = max(self.absolute_minimum, given.get("minimum_errors", 0))
            return replace(self, **{"absolute_minimum": fewest, **given})
        kept: dict[str, Any] = {"forgiven": self.forgiven, "slow_milliseconds": self.slow_milliseconds}
        return Rule(**{**kept, **given, "statistic": statistic})

    @classmethod
    def bounds(cls) -> Mapping[str, Bound]:
        """Return the `Bound` of each field, by name."""
        return {each.name: each.reader for each in settings(cls).values() if isinstance(each.reader, Bound)}
