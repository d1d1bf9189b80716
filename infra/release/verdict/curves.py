"""Choose how a canary gets its traffic: the shortest curve that catches the asked regression at the expected traffic.

Pure. The chances are those of infra.release.verdict.power, so each is a lower bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from infra.codedeploy import CANARIES, LINEAR
from infra.release.verdict.power import LARGEST_RPS, LATENESS, Situation
from infra.release.verdict.rule import Rule
from infra.release.verdict.traffic import WEEKS, Traffic


@dataclass(frozen=True)
class Shift:
    """A deployment configuration of CodeDeploy by its name: how traffic moves to the canary.

    A canary has `percent` of the traffic for `minutes`. A linear one gets `percent` more in every `minutes`.
    """

    name: str
    percent: int
    minutes: int
    linear: bool = False

    def __str__(self) -> str:
        return f"{self.percent} % {'more every' if self.linear else 'for'} {_minutes(self.minutes)}"

    @property
    def length(self) -> int:
        """Minutes until all traffic has shifted, hence the verdict's window."""
        return self.minutes * (math.ceil(100 / self.percent) - 1) if self.linear else self.minutes

    def share(self, minutes: int) -> float:
        """Return the canary's mean percent of the traffic over the first `minutes`."""
        if not self.linear:
            return float(self.percent)
        shares = (min(100, self.percent * (1 + minute // self.minutes)) for minute in range(minutes))
        return sum(shares) / minutes

    def situation(self, traffic: Traffic, rule: Rule) -> Situation:
        """Return the input of a power computation. A linear curve counts as a canary with the mean of its shares."""
        seen = self.length - 1 - LATENESS
        rps = min(traffic.rps, LARGEST_RPS)
        return Situation(rps, traffic.baseline, self.share(seen), self.length, LATENESS, rule)


PREDEFINED = tuple(
    Shift(name, percent, minutes, linear)
    for known, linear in ((CANARIES, False), (LINEAR, True))
    for (percent, minutes), name in known.items()
)
"""CodeDeploy's own."""


@dataclass(frozen=True)
class Auto:
    """What `curve: auto` asks for: a regression of `points`, caught with `chance`, by a curve of `longest` minutes.

    `listed`: curves that the stack offers beside CodeDeploy's own.
    """

    points: int
    chance: float
    longest: int
    listed: tuple[Shift, ...] = ()

    @property
    def offers(self) -> tuple[Shift, ...]:
        """Every curve, the shortest first; of two that are as long, the one that sends fewer requests to the canary."""
        return tuple(sorted({*PREDEFINED, *self.listed}, key=_order))

    @property
    def allowed(self) -> tuple[Shift, ...]:
        """The curves that are not longer than `longest`."""
        return tuple(each for each in self.offers if each.length <= self.longest)


@dataclass(frozen=True)
class Choice:
    """The chosen curve, and why in one sentence."""

    shift: Shift
    why: str


def choose(auto: Auto, default: Shift, rule: Rule, traffic: Traffic | None) -> Choice:
    """Return the shortest curve that catches the regression; where none does, the one that catches it most often.

    `default` is for a function without known traffic.
    """
    if traffic is None:
        return Choice(default, f"no traffic of the last {WEEKS} weeks is known: the default, {default}")
    if not auto.allowed:
        return Choice(default, f"no curve lasts {_minutes(auto.longest)} at most: the default, {default}")
    shift, chance = best(auto, rule, traffic)
    reached = chance >= auto.chance
    more = f", the shortest that catches {_asked(auto)}" if reached else f"; {_remedy(auto, shift, traffic, rule)}"
    tenths = 10 if round(auto.chance * 1000) % 10 else 1  # shown if they are asked for, and always rounded down
    caught_in = f"catches +{auto.points} points in {math.floor(chance * 100 * tenths) / tenths:g} % of cases"
    return Choice(shift, f"{traffic}: {shift} {caught_in}{more}")


def best(auto: Auto, rule: Rule, traffic: Traffic) -> tuple[Shift, float]:
    """Return the shortest allowed curve that reaches the chance, else the one that comes nearest, and its chance."""
    found, most = auto.allowed[0], -1.0
    for shift in auto.allowed:
        chance = caught(shift, traffic, rule, auto.points)
        if chance > most:
            found, most = shift, chance
        if chance >= auto.chance:
            break
    return found, most


@cache
def caught(shift: Shift, traffic: Traffic, rule: Rule, points: int) -> float:
    """Return the least probability that the curve catches a regression of so many percentage points."""
    return shift.situation(traffic, rule).caught(points / 100)


def _asked(auto: Auto) -> str:
    return f"{auto.chance * 100:g} %"


def _remedy(auto: Auto, shift: Shift, traffic: Traffic, rule: Rule) -> str:
    """Say that the chance is not reached, and the nearest that can be had."""
    for longer in auto.offers:
        if longer.length > auto.longest and caught(longer, traffic, rule, auto.points) >= auto.chance:
            return (
                f"{_asked(auto)} is not reached within {_minutes(auto.longest)}: lengthen `longest` or accept; "
                f"{longer} reaches it in {_minutes(longer.length)}"
            )
    smallest = shift.situation(traffic, rule).smallest(auto.chance)
    nearest = (
        f"+{math.ceil(smallest * 1000) / 10:g} points is the least that it catches so often"
        if smallest is not None
        else "it catches no regression so often, not even a canary that fails every request"
    )
    return f"{_asked(auto)} is reached by no listed curve: list a longer one or accept; {nearest}"


def _order(shift: Shift) -> tuple[int, float, str]:
    return shift.length, shift.share(shift.length), shift.name


def _minutes(number: int) -> str:
    return f"{number} minute{'' if number == 1 else 's'}"
