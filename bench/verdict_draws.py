"""Draws random canaries: the counts of stable and canary, minute by minute.

Arrivals are Poisson and each fails on its own, so a minute's failures and successes are two independent Poisson draws
(thinning): exactly Poisson arrivals with binomial errors, at half the cost. Arrays are indexed [minute, run].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BASELINES = (0.0, 0.001, 0.01, 0.05)
TRAFFIC = (0.3, 1, 3, 10, 100)
"""Requests per second to the alias."""
LATENESS = (0, 1, 3)
"""Extra minutes until a minute's metrics are visible."""


def regressions(baseline: float) -> tuple[float, ...]:
    """Return what a release adds to the error rate: nothing, 2, 5, 20 or 50 points, or all that is left up to 100 %."""
    return (0.0, 0.02, 0.05, 0.2, 0.5, 1 - baseline)


@dataclass(frozen=True)
class Curve:
    """A traffic curve: the canary's share in each minute until all traffic shifts at minute `len(shares)`.

    An evaluation at the minute of the shift is too late, so evaluations are at minutes 1 to `len(shares) - 1`.
    """

    name: str
    shares: tuple[float, ...]

    @property
    def minutes(self) -> int:
        return len(self.shares)

    def most_seen(self, extra_minutes: int) -> int:
        """Return how many canary minutes the last evaluation before the shift sees."""
        return self.minutes - 1 - extra_minutes


STEPS = tuple(Curve(f"canary 10% {minutes}m", (0.1,) * minutes) for minutes in (5, 10, 30))
DEFAULT = STEPS[1]
# CodeDeploy shifts the first tenth at once and the last nine minutes later.
LINEAR = Curve("linear 10% 1m", tuple(tenth / 10 for tenth in range(1, 10)))
CURVES = (*STEPS, LINEAR)


@dataclass(frozen=True)
class Cell:
    """One stable version: its error rate, the requests per second to the alias, and the number of runs to draw."""

    baseline: float
    rps: float
    runs: int


@dataclass(frozen=True)
class Side:
    """One version's invocations and errors, summed from the canary's start: [m] holds minutes 0 to m."""

    invocations: Floats
    errors: Floats


@dataclass(frozen=True)
class Draw:
    """Many runs of one canary.

    harm: users whom the release harms, summed like the counts; their expected number given the requests that came
    (for a good release: the requests that the canary served). first_harm: the minute in which harm begins.
    before: stable's counts in the minutes before the canary, [m] holding the last m of them; None where not counted.
    """

    stable: Side
    canary: Side
    harm: Floats
    first_harm: int = 0
    before: Side | None = None

    @property
    def minutes(self) -> int:
        return len(self.harm)

    @cached_property
    def by_minute(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return i1, e1, i2, e2 of each single minute."""
        sums = (self.stable.invocations, self.stable.errors, self.canary.invocations, self.canary.errors)
        i1, e1, i2, e2 = (by_minute(each) for each in sums)
        return i1, e1, i2, e2

    @property
    def runs(self) -> int:
        return int(self.harm.shape[1])

    def sums(self, seen: int, extra_minutes: int = 0, window: int = 0) -> tuple[Floats, Floats, Floats, Floats]:
        """Return i1, e1, i2, e2 of an evaluation that sees `seen` canary minutes.

        If stable's earlier minutes count, the window reaches `window` minutes back, of which the last
        `extra_minutes` are not visible yet.
        """
        stable, canary, at = self.stable, self.canary, seen - 1
        i1, e1 = stable.invocations[at], stable.errors[at]
        if self.before is not None:
            earlier = window - extra_minutes - seen
            i1, e1 = i1 + self.before.invocations[earlier], e1 + self.before.errors[earlier]
        return i1, e1, canary.invocations[at], canary.errors[at]


def poisson(rng: np.random.Generator, mean: Floats | float, shape: tuple[int, int]) -> Floats:
    """Draw Poisson counts as floats; `mean` broadcasts to `shape`."""
    if not np.any(mean):
        return np.zeros(shape)
    return rng.poisson(np.broadcast_to(mean, shape) if np.ndim(mean) else mean, shape).astype(np.float64)


def side(rng: np.random.Generator, requests: Floats | float, rate: Floats | float, shape: tuple[int, int]) -> Side:
    """Draw one version: `requests` a minute on average, each of which fails with probability `rate`."""
    errors = poisson(rng, requests * rate, shape)
    invocations = poisson(rng, requests * (1 - rate), shape) + errors
    return summed(Side(invocations, errors))


def summed(side: Side) -> Side:
    """Turn counts by minute into sums from the start, in place."""
    np.cumsum(side.invocations, axis=0, out=side.invocations)
    np.cumsum(side.errors, axis=0, out=side.errors)
    return side


def by_minute(sums: Floats) -> Floats:
    """Turn sums back into counts by minute."""
    return np.diff(sums, axis=0, prepend=0)


def shares(curve: Curve) -> Floats | float:
    """Return the canary's share by minute until the last evaluation; one number if it is constant, since that draws
    faster."""
    kept = curve.shares[:-1]
    return kept[0] if len(set(kept)) == 1 else np.array(kept)[:, None]


def plain(
    rng: np.random.Generator, curve: Curve, cell: Cell, wanted: tuple[float, ...] = ()
) -> tuple[tuple[float, Draw], ...]:
    """Draw the kind world until the last evaluation: one draw for each regression (by default all of `regressions`),
    all with the same stable version."""
    shape = (curve.minutes - 1, cell.runs)
    share = shares(curve)
    stable = side(rng, cell.rps * 60 * (1 - share), cell.baseline, shape)
    drawn = []
    for regression in wanted or regressions(cell.baseline):
        canary = side(rng, cell.rps * 60 * share, cell.baseline + regression, shape)
        drawn.append((regression, Draw(stable, canary, canary.invocations * (regression or 1.0))))
    return tuple(drawn)
