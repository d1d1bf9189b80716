"""Simulated worlds on the default curve in which errors, traffic or metrics do not behave as in the textbook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb

import numpy as np

from bench.verdict_draws import DEFAULT, Cell, Draw, Floats, Side, by_minute, plain, poisson, side, summed

MINUTES = DEFAULT.minutes - 1
SHARE = DEFAULT.shares[0]
FAULT_MINUTE, FAULT_POINTS = 3, 0.2
LATE_MINUTE = 4
COLD_CALLS = 3
ATTEMPTS = 3

Draws = tuple[tuple[float, Draw], ...]


@dataclass(frozen=True)
class World:
    """draw: (generator, cell, regressions) -> draws. counts_before: stable's minutes before the canary are counted."""

    name: str
    meaning: str
    regressions: tuple[float, ...]
    draw: Callable[[np.random.Generator, Cell, tuple[float, ...]], Draws]
    counts_before: bool = False


def _shape(cell: Cell) -> tuple[int, int]:
    return MINUTES, cell.runs


def _pair(
    rng: np.random.Generator,
    cell: Cell,
    regressions: tuple[float, ...],
    *,
    traffic: Floats | float = 1.0,
    stable_rate: Floats | float,
    canary_rate: Floats | float,
) -> Draws:
    """Draw stable and, for each regression, a canary that fails at `canary_rate` plus the regression."""
    requests = cell.rps * 60 * traffic
    stable = side(rng, requests * (1 - SHARE), stable_rate, _shape(cell))
    drawn = []
    for regression in regressions:
        canary = side(rng, requests * SHARE, np.minimum(canary_rate + regression, 1.0), _shape(cell))
        drawn.append((regression, Draw(stable, canary, canary.invocations * (regression or 1.0))))
    return tuple(drawn)


def _kind(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
    return plain(rng, DEFAULT, cell, (*regressions, 1 - cell.baseline))


def _bursts(rng: np.random.Generator, cell: Cell) -> Floats:
    """Draw error rates by minute with the baseline as mean 1.4 times it as standard deviation (gamma, shape 1/2)."""
    rates = cell.baseline * rng.gamma(0.5, 2.0, _shape(cell))
    return np.minimum(rates, 1.0)


def _bursts_both(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
    rates = _bursts(rng, cell)
    return _pair(rng, cell, regressions, stable_rate=rates, canary_rate=rates)


def _bursts_canary(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
    return _pair(rng, cell, regressions, stable_rate=cell.baseline, canary_rate=_bursts(rng, cell))


def _traffic(last: float) -> Callable[[np.random.Generator, Cell, tuple[float, ...]], Draws]:
    ramp = np.linspace(1.0, last, MINUTES, dtype=np.float64)[:, None]

    def draw(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
        return _pair(rng, cell, regressions, traffic=ramp, stable_rate=cell.baseline, canary_rate=cell.baseline)

    return draw


def _cold_start(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
    stable = side(rng, cell.rps * 60 * (1 - SHARE), cell.baseline, _shape(cell))
    drawn = []
    for regression in regressions:
        calls = np.cumsum(poisson(rng, cell.rps * 60 * SHARE, _shape(cell)), axis=0)
        warm = by_minute(np.maximum(calls - COLD_CALLS, 0))
        errors = np.cumsum(rng.binomial(warm.astype(np.int64), cell.baseline + regression), axis=0, dtype=np.float64)
        canary = Side(calls, errors + np.minimum(calls, COLD_CALLS))
        drawn.append((regression, Draw(stable, canary, calls * (regression or 1.0))))
    return tuple(drawn)


def _late_regression(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
    late = (np.arange(MINUTES) >= LATE_MINUTE).astype(np.float64)[:, None]
    stable = side(rng, cell.rps * 60 * (1 - SHARE), cell.baseline, _shape(cell))
    drawn = []
    for regression in (*regressions, 1 - cell.baseline):
        canary = side(rng, cell.rps * 60 * SHARE, cell.baseline + regression * late, _shape(cell))
        harm = np.cumsum(by_minute(canary.invocations) * late * regression, axis=0)
        drawn.append((regression, Draw(stable, canary, harm, first_harm=LATE_MINUTE)))
    return tuple(drawn)


def _fault(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
    rates: Floats = cell.baseline + FAULT_POINTS * (np.arange(MINUTES) >= FAULT_MINUTE).astype(np.float64)[:, None]
    return _pair(rng, cell, regressions, stable_rate=rates, canary_rate=rates)


def _retries(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
    """Draw callers that repeat a failing attempt, up to three in all, each routed anew by the alias's weights.

    The baseline's failures are the caller's fault (a bad request fails on any version), the regression's are the
    canary's. Every sequence of attempts is a Poisson stream of its own.
    """
    callers = cell.rps * 60
    drawn = []
    for regression in regressions:
        i1, e1, i2, e2 = (np.zeros(_shape(cell)) for _ in range(4))
        for hits in range(ATTEMPTS + 1):
            chance = comb(ATTEMPTS, hits) * SHARE**hits * (1 - SHARE) ** (ATTEMPTS - hits)
            bad = poisson(rng, callers * cell.baseline * chance, _shape(cell))
            i1 += (ATTEMPTS - hits) * bad
            e1 += (ATTEMPTS - hits) * bad
            i2 += hits * bad
            e2 += hits * bad
        failing = SHARE * regression
        for failures in range(ATTEMPTS + 1):
            reached = callers * (1 - cell.baseline) * failing**failures
            if failures == ATTEMPTS:
                served_by_stable, served_by_canary = 0.0, 0.0
                lost = poisson(rng, reached, _shape(cell))
            else:
                served_by_stable, served_by_canary = reached * (1 - SHARE), reached * (SHARE - failing)
                lost = np.zeros(_shape(cell))
            to_stable = poisson(rng, served_by_stable, _shape(cell))
            to_canary = poisson(rng, served_by_canary, _shape(cell))
            i1 += to_stable
            i2 += to_canary + failures * (to_stable + to_canary + lost)
            e2 += failures * (to_stable + to_canary + lost)
        stable, canary = summed(Side(i1, e1)), summed(Side(i2, e2))
        drawn.append((regression, Draw(stable, canary, canary.invocations * (regression or 1.0))))
    return tuple(drawn)


def _counting_before(
    draw: Callable[[np.random.Generator, Cell, tuple[float, ...]], Draws],
) -> Callable[[np.random.Generator, Cell, tuple[float, ...]], Draws]:
    """Return the same world with stable's minutes from before the canary (all of the alias's traffic) in the window."""

    def drawn(rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...]) -> Draws:
        earlier = side(rng, cell.rps * 60, cell.baseline, (DEFAULT.minutes, cell.runs))
        none = np.zeros((1, cell.runs))
        before = Side(np.vstack([none, earlier.invocations]), np.vstack([none, earlier.errors]))
        return tuple((regression, replace(each, before=before)) for regression, each in draw(rng, cell, regressions))

    return drawn


KIND, FAULT = "kind", "fault of both"
WORLDS = (
    World(KIND, "constant rates, independent requests", (0.0, 0.02, 0.05, 0.5), _kind),
    World("bursts of both", "error rates burst by the minute, both versions alike", (0.0, 0.05), _bursts_both),
    World("bursts of the canary", "error rates burst by the minute, the canary's alone", (0.0, 0.05), _bursts_canary),
    World("traffic rises", "traffic grows fourfold during the canary", (0.0, 0.02, 0.05), _traffic(4.0)),
    World("traffic falls", "traffic falls to a quarter during the canary", (0.0, 0.02, 0.05), _traffic(0.25)),
    World("cold start", "the new version's first 3 calls fail", (0.0, 0.05, 0.5), _cold_start),
    World("late regression", "the regression begins at minute 4", (0.02, 0.05, 0.5), _late_regression),
    World(FAULT, "from minute 3 both versions fail 20 points more", (0.0,), _fault),
    World(
        "fault of both, before",
        "the same fault, stable's minutes from before the canary counted",
        (0.0,),
        _counting_before(_fault),
        counts_before=True,
    ),
    World("retries", "callers send a failing request three times", (0.0, 0.05, 0.5), _retries),
    World(
        "before",
        "stable's minutes from before the canary counted",
        (0.0, 0.02, 0.05, 0.5),
        _counting_before(_kind),
        counts_before=True,
    ),
)
