"""The most that any rule could catch: the optimal fixed test, which knows both error rates and looks once, at the end.

By the lemma of Neyman and Pearson no test with the same share of false rollbacks catches more, also none that looks
often: it rejects where the canary's counts are likeliest under the regression, compared with none
(https://doi.org/10.1098/rsta.1933.0009). Stable's counts say nothing that it does not know.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from bench.verdict_draws import Floats
from bench.verdict_rules import LOG_FACTORIALS

REACH = 8.0
"""Standard deviations around a Poisson mean that are summed over."""
CERTAIN = 1 - 1e-6


@cache
def most_caught(requests: float, baseline: float, regression: float, false: float) -> float:
    """Return the probability with which the optimal test catches a regression.

    requests: expected ones of the canary, whose number is Poisson. false: its probability to reject a good release.
    """
    good = requests * baseline, requests * (1 - baseline)
    bad = requests * (baseline + regression), requests * (1 - baseline - regression)
    by_errors = _power(_errors_alone(good[0], bad[0]), false)
    return by_errors if by_errors > CERTAIN else _power(_both(good, bad), false)


def _errors_alone(good: float, bad: float) -> tuple[Floats, Floats]:
    counts = _counts(good, bad)
    return _log_poisson(good, counts), _log_poisson(bad, counts)


def _both(good: tuple[float, float], bad: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the logarithms of the probabilities of failures and successes, without and with regression."""
    counts = [_counts(one, other) for one, other in zip(good, bad, strict=True)]
    without, with_ = (
        np.add.outer(*(_log_poisson(mean, each) for mean, each in zip(means, counts, strict=True))).ravel()
        for means in (good, bad)
    )
    return without, with_


def _power(logs: tuple[Floats, Floats], false: float) -> float:
    """Reject the counts with the largest ratio first, as many as `false` allows, the last ones by a draw."""
    without, with_ = logs
    possible = np.isfinite(with_)
    without, with_ = without[possible], with_[possible]
    order = np.argsort(without - with_, kind="stable")
    spent, caught = np.cumsum(np.exp(without[order])), np.cumsum(np.exp(with_[order]))
    within = int(np.searchsorted(spent, false, side="right"))
    before = (spent[within - 1], caught[within - 1]) if within else (0.0, 0.0)
    if within == len(order):
        return min(float(before[1]), 1.0)
    drawn = (false - before[0]) / (spent[within] - before[0])
    return min(float(before[1] + drawn * (caught[within] - before[1])), 1.0)


def _counts(one: float, other: float) -> Floats:
    low, high = min(one, other), max(one, other)
    first = max(0, math.floor(low - REACH * math.sqrt(low)))
    return np.arange(first, math.ceil(high + REACH * math.sqrt(high) + REACH**2), dtype=np.float64)


def _log_poisson(mean: float, counts: Floats) -> Floats:
    if mean <= 0:
        return np.where(counts == 0, 0.0, -np.inf)
    logs: Floats = counts * math.log(mean) - mean - LOG_FACTORIALS[counts.astype(np.int64)]
    return logs
