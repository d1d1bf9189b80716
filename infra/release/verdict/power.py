"""Compute, before the release, how likely a canary's verdict is to stop a regression."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

from infra.release.verdict.judge import fires
from infra.release.verdict.rule import Rule, VerdictError

LATENESS = 1
"""Minutes until a minute's metrics are seen, where nothing is known of one's own."""


REGRESSIONS = (0.02, 0.05, 0.5)


LARGEST_RPS = 100_000


REACH = 9.0  # standard deviations to either side of a Poisson mean that are summed over; the rest is below 1e-15


POINTS = 81  # at most so many of stable's error counts are weighed, evenly spread


FEWER_POINTS = 21  # of the successes, which matter less


MANY = 1000  # successes of stable's, of which only the mean matters


NEGLIGIBLE = 1e-10  # weight of counts that are left out, which makes the sum a little smaller


@dataclass(frozen=True)
class Situation:
    """The input of a power computation: traffic, stable's error rate, the curve and the rule.

    rps: requests per second to the alias. baseline: stable's errors per request, 0 - 1. percent: of requests to the
    canary for `minutes`. lateness: minutes until metrics can be seen.
    Raises VerdictError for impossible values, or a curve that shifts before the first evaluation.
    """

    rps: float
    baseline: float
    percent: float = 10
    minutes: int = 10
    lateness: int = LATENESS
    rule: Rule = field(default_factory=Rule)

    def __post_init__(self) -> None:
        mistakes = [
            f"{name} is {value!r}: {bound}"
            for name, value, right, bound in (
                ("rps", self.rps, 0 < self.rps <= LARGEST_RPS, f"give requests per second, up to {LARGEST_RPS}"),
                ("baseline", self.baseline, 0 <= self.baseline < 1, "give errors per request, from 0 to below 1"),
                ("percent", self.percent, 0 < self.percent < 100, "a canary takes more than 0 and less than 100"),
                ("lateness", self.lateness, 0 <= self.lateness <= 60, "give minutes, 0 to 60"),
            )
            if not right
        ]
        if not mistakes and self.seen_minutes < 1:
            mistakes.append(
                f"minutes is {self.minutes}: with metrics {self.lateness} min late no look before the shift sees a "
                f"complete minute; give at least {self.lateness + 2}"
            )
        if mistakes:
            raise VerdictError(*mistakes)

    @property
    def seen_minutes(self) -> int:
        """Canary minutes that the last look before the shift has."""
        return self.minutes - 1 - self.lateness

    @property
    def evidence(self) -> float:
        """Canary requests that the last look is expected to have."""
        return self.rps * 60 * self.seen_minutes * self.percent / 100

    @property
    def exposed(self) -> float:
        """Requests that a canary which is not stopped serves."""
        return self.rps * 60 * self.minutes * self.percent / 100

    @property
    def name(self) -> str:
        return f"canary {self.percent:g} % for {self.minutes} min"

    def caught(self, regression: float) -> float:
        """Return the least probability that a canary failing `regression` more often than stable is rolled back."""
        rate = min(self.baseline + regression, 1.0)
        seen = self.rps * 60 * self.seen_minutes
        stable, canary = seen * (1 - self.percent / 100), self.evidence
        tail = _Tail(canary * rate)
        good = stable * (1 - self.baseline)
        points = product(
            _poisson_points(stable * self.baseline, POINTS),
            _poisson_points(canary * (1 - rate), FEWER_POINTS),
            _poisson_points(good, FEWER_POINTS) if good < MANY else ((good, 1.0),),
        )
        caught, fewest = 0.0, 0
        for (errors, one), (canary_good, other), (stable_good, third) in points:
            if (weight := one * other * third) > NEGLIGIBLE:
                fewest = self._fewest_errors(stable_good, errors, canary_good, tail.last, near=fewest)
                caught += weight * tail.from_(fewest)
        return caught

    def _fewest_errors(self, stable_good: float, stable_errors: int, canary_good: float, most: int, near: int) -> int:
        """Return the fewest canary errors that fire, beside these other counts; `most` + 1 where none up to `most` do.

        near: a guess. The neighbouring point's answer is mostly this one's too, so the search widens from there.
        """

        def fired(count: int) -> bool:
            return count > most or fires(
                stable_good + stable_errors, stable_errors, canary_good + count, count, self.rule
            )

        known, step = near, 1
        if fired(near):
            while known > 0 and fired(max(known - step, 0)):
                known, step = max(known - step, 0), 2 * step
            least, above = max(known - step + 1, 0), known
        else:
            while not fired(known + step):
                known, step = known + step, 2 * step
            least, above = known + 1, min(known + step, most + 1)
        return bisect_left(range(above), True, lo=least, key=fired)

    def smallest(self, chance: float) -> float | None:
        """Return the smallest regression caught with at least `chance`, to a tenth of a point.

        None if even failing every request is not caught.
        """
        least, most = 0, math.floor((1 - self.baseline) * 1000)
        if self.caught(most / 1000) < chance:
            return None
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (least, middle) if self.caught(middle / 1000) >= chance else (middle, most)
        return most / 1000


@dataclass(frozen=True)
class _Tail:
    """Upper tail of a Poisson distribution, tabulated once."""

    mean: float

    @property
    def first(self) -> int:
        return max(0, math.floor(self.mean - REACH * math.sqrt(self.mean)))

    @property
    def last(self) -> int:
        return math.ceil(self.mean + REACH * math.sqrt(self.mean) + REACH**2)

    @cached_property
    def table(self) -> list[float]:
        tail, sums = 0.0, []
        for count in range(self.last, self.first - 1, -1):
            tail += _poisson(self.mean, count)
            sums.append(tail)
        return sums[::-1]

    def from_(self, count: int) -> float:
        """Return the probability of `count` or more."""
        if count <= self.first:
            return 1.0
        return self.table[count - self.first] if count <= self.last else 0.0


def _poisson(mean: float, count: int) -> float:
    if mean == 0:
        return float(count == 0)
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


def _poisson_points(mean: float, points: int) -> Iterator[tuple[int, float]]:
    """Counts and their weights, which sum to 1: every count near the mean, or evenly chosen ones where many are."""
    spread = REACH * math.sqrt(mean)
    first, last = max(0, math.floor(mean - spread)), math.ceil(mean + spread + (REACH**2 if mean < 100 else 0))
    step = max(1, (last - first) // points)
    counts = range(first, last + 1, step)
    weights = [_poisson(mean, count) for count in counts]
    total = sum(weights)
    pairs = ((count, weight / total) for count, weight in zip(counts, weights, strict=True))
    return (pair for pair in pairs if pair[1] > NEGLIGIBLE)


def alternatives(situation: Situation) -> tuple[Situation, ...]:
    """Gentle changes of the curve that give more evidence: longer, wider, both."""
    longer, wider = min(situation.minutes * 3, 120), min(situation.percent * 2, 50)
    changes = ((situation.percent, longer), (wider, situation.minutes), (wider, longer))
    return tuple(
        replace(situation, percent=percent, minutes=minutes)
        for percent, minutes in dict.fromkeys(changes)
        if percent > situation.percent or minutes > situation.minutes
    )


def report(situation: Situation) -> list[str]:
    """Return lines for a terminal: what is caught, and what would catch more."""
    rule, worst = situation.rule, 1 - situation.baseline
    steps = [*((f"+{step * 100:g} points", step) for step in REGRESSIONS if step < worst), ("all down", worst)]
    needed = rule.minimum_errors + rule.forgiven
    lines = [
        f"{situation.rps:g} requests/s, {situation.baseline:.2%} errors; {situation.name}, metrics "
        f"{situation.lateness} min late.",
        f"The last look before the shift sees {situation.seen_minutes} min: about {situation.evidence:.0f} requests "
        "of the canary.",
    ]
    if situation.evidence < needed:
        lines.append(f"Mostly silent: so few requests can hardly show the {needed} errors that the rule asks for.")
    lines += ["", f"{'regression':<24} caught before the shift, at least"]
    lines += [f"{name:<24} {_percent(situation.caught(step))}" for name, step in steps]
    lines += ["", f"{'smallest caught, points':<24} {'9 in 10':>9} {'99 in 100':>9} {'canary requests':>16}"]
    lines += [_smallest("as it is", situation), "to catch more:"]
    lines += [_smallest(other.name, other) for other in alternatives(situation)]
    if rule.forgiven:
        lines.append(_smallest("forgiven 0", replace(situation, rule=replace(rule, forgiven=0))))
    return lines


def _percent(share: float) -> str:
    # Never 100 % for what is not certain.
    return "> 99.9 %" if share > 0.999 else f"{share * 100:6.1f} %"


def _smallest(name: str, situation: Situation) -> str:
    caught = (situation.smallest(chance) for chance in (0.9, 0.99))
    nine, ninety_nine = ("none" if least is None else f"+{least * 100:.1f}" for least in caught)
    return f"{name:<24} {nine:>9} {ninety_nine:>9} {situation.exposed:>16,.0f}"
