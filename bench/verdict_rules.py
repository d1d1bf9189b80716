"""The shipped rule and its rivals. Each returns after how many seen minutes it first fires."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.verdict_draws import Draw, Floats
from infra.release.verdict.judge import counted, fires
from infra.release.verdict.rule import LIKELIHOOD, Rule

Seen = NDArray[np.int16]
NEVER = np.int16(9999)

STRATA = "strata"
FORMER = "strata 1"
"""The rule of earlier releases, which a stack may pin by `statistic: z`."""


class Judge(Protocol):
    """A rule. Returns for each run the number of canary minutes seen when it first fires, or NEVER.

    most: the minutes that the last evaluation sees. extra_minutes and window matter only if stable's minutes from
    before the canary are counted.
    """

    def __call__(self, draw: Draw, most: int, extra_minutes: int = 0, window: int = 0) -> Seen: ...


@dataclass(frozen=True)
class OnSums:
    """A rule on the counts of both versions since the canary began."""

    fires: Callable[[Floats, Floats, Floats, Floats], NDArray[np.bool_]]

    def __call__(self, draw: Draw, most: int, extra_minutes: int = 0, window: int = 0) -> Seen:
        first = np.full(draw.runs, NEVER)
        for seen in range(1, most + 1):
            i1, e1, i2, e2 = draw.sums(seen, extra_minutes, window)
            # No rule here fires on a canary that is no worse; the others, still undecided, are judged.
            worse = np.flatnonzero((e2 * i1 > e1 * i2) & (first == NEVER))
            if worse.size:
                first[worse[self.fires(i1[worse], e1[worse], i2[worse], e2[worse])]] = seen
            elif first.max() < NEVER:
                break
        return first


@dataclass(frozen=True)
class OnMinutes:
    """A threshold alarm: it fires after `datapoints` minutes in a row in which `breaches` holds for i1, e1, i2, e2."""

    breaches: Callable[[Floats, Floats, Floats, Floats], NDArray[np.bool_]]
    datapoints: int = 1

    def __call__(self, draw: Draw, most: int, extra_minutes: int = 0, window: int = 0) -> Seen:
        del extra_minutes, window
        i1, e1, i2, e2 = (minutes[:most] for minutes in draw.by_minute)
        breached = self.breaches(i1, e1, i2, e2)
        for _ in range(self.datapoints - 1):
            breached = breached & np.vstack([np.zeros((1, draw.runs), bool), breached[:-1]])
        first = np.where(breached.any(axis=0), breached.argmax(axis=0) + 1, NEVER)
        return first.astype(np.int16)


def shipped(rule: Rule) -> OnSums:
    """Return the shipped judge with these bounds."""
    return OnSums(lambda i1, e1, i2, e2: where_fires(i1, e1, i2, e2, rule))


def where_fires(i1: Floats, e1: Floats, i2: Floats, e2: Floats, rule: Rule) -> NDArray[np.bool_]:
    """Return where the rule fires, which is asked only about counts on which it might."""
    found = np.zeros(e2.shape, bool)
    likely = might_fire(i1, e1, i2, e2, rule)
    found[likely] = fires(i1[likely], e1[likely], i2[likely], e2[likely], rule, log=np.log)
    return found


def might_fire(i1: Floats, e1: Floats, i2: Floats, e2: Floats, rule: Rule) -> NDArray[np.bool_]:
    """False only where the rule cannot fire, without its nine logarithms.

    A log likelihood ratio is at most Pearson's chi-square of the same counts: by Jensen's inequality it is at most
    n ln(1 + chi-square / n), and ln(1 + x) <= x.
    """
    counts = counted(e2, rule)
    errors, requests, above = e1 + counts, i1 + i2, counts * i1 - e1 * i2
    enough = (above > 0) & (counts >= min(rule.minimum_errors, rule.absolute_minimum))
    if rule.statistic != LIKELIHOOD:
        return np.asarray(enough)
    least = 0.999 * min(rule.z, rule.absolute_z) ** 2 / 2  # less a thousandth: rounding decides nothing
    return np.asarray(enough & (requests * above * above >= least * errors * (requests - errors) * i1 * i2))


def fixed_z(i1: Floats, e1: Floats, i2: Floats, e2: Floats) -> NDArray[np.bool_]:
    """Evaluate the textbook's two-proportion test at 1.96, every minute and without minimum evidence."""
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (e1 + e2) / (i1 + i2)
        error = np.sqrt(pooled * (1 - pooled) * (1 / i1 + 1 / i2))
        above: NDArray[np.bool_] = (e2 / i2 - e1 / i1) / error > 1.96
    return above


def mixture_sprt(i1: Floats, e1: Floats, i2: Floats, e2: Floats) -> NDArray[np.bool_]:
    """Evaluate the mixture sequential probability ratio test at 1 %, which stays valid at any number of evaluations.

    Normal mixture on the difference of rates, its scale the 5 points that are to be detected (Johari, Koomen, Pekelis,
    Walsh: Always Valid Inference, Operations Research 70(3), 2022, section 5).
    """
    scale = 0.05**2
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (e1 + e2) / (i1 + i2)
        variance = pooled * (1 - pooled) * (1 / i1 + 1 / i2)
        difference = e2 / i2 - e1 / i1
        ratio = 0.5 * np.log(variance / (variance + scale))
        ratio += scale * difference**2 / (2 * variance * (variance + scale))
    enough: NDArray[np.bool_] = (difference > 0) & (ratio > np.log(1 / 0.01))
    return enough


LOG_FACTORIALS = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, 2**18)))])


def count_mixture(i1: Floats, e1: Floats, i2: Floats, e2: Floats) -> NDArray[np.bool_]:
    """Evaluate the sequential test of counts at 1 %, which stays valid at any number of evaluations.

    Of all errors so far the canary's are binomial with its share of the requests, if it is no worse; the alternative
    mixes every share evenly (M. Lindon, A. Malek: Anytime-Valid Inference for Multinomial Count Data, NeurIPS 2022,
    https://arxiv.org/abs/2011.03567). No normal approximation is made, so it is exact at small counts.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = i2 / (i1 + i2)
        one, other = e1.astype(np.int64), e2.astype(np.int64)
        mixed = LOG_FACTORIALS[one] + LOG_FACTORIALS[other] - LOG_FACTORIALS[one + other + 1]
        ratio = mixed - e2 * np.log(share) - e1 * np.log1p(-share)
    above: NDArray[np.bool_] = (e2 * i1 > e1 * i2) & (ratio > np.log(1 / 0.01))
    return above


@dataclass(frozen=True)
class MannWhitney:
    """Kayenta's judge on one metric, the error rate by minute: the canary is high if the lower end of the 98 %
    confidence interval of the shift lies above a quarter of the estimated shift (Hodges-Lehmann).

    The lower end lies above a shift s exactly if the rank test still rejects after s is subtracted from the canary,
    which needs no root finding. Tie and continuity corrections are Kayenta's (asymptotic, two-sided):
    https://spinnaker.io/docs/guides/user/canary/judge/
    Minutes without requests count as rate 0 (`nanStrategy: replace`). The test cannot reject before five minutes; it is
    evaluated every minute to the tenth, at the fourteenth and nineteenth, and at the last evaluation of each curve.
    """

    quantile: float = 2.3263478740408408
    tolerance: float = 0.25
    evaluations: tuple[int, ...] = (5, 6, 7, 8, 9, 14, 19, 26, 28, 29)

    def __call__(self, draw: Draw, most: int, extra_minutes: int = 0, window: int = 0) -> Seen:
        del extra_minutes, window
        i1, e1, i2, e2 = (minutes[:most].T for minutes in draw.by_minute)
        stable, canary = e1 / np.maximum(i1, 1), e2 / np.maximum(i2, 1)
        first = np.full(draw.runs, NEVER)
        for seen in (minutes for minutes in self.evaluations if minutes <= most):
            runs = np.flatnonzero(first == NEVER)
            x, y = canary[runs, :seen], stable[runs, :seen]
            # Cheaper tests first: most runs of a good release stop at each of them.
            hopeful = x.sum(axis=1) > y.sum(axis=1)
            runs, x, y = runs[hopeful], x[hopeful], y[hopeful]
            high = self._score(x, y) > self.quantile
            runs, x, y = runs[high], x[high], y[high]
            shift = np.median((x[:, :, None] - y[:, None, :]).reshape(len(runs), seen * seen), axis=1, keepdims=True)
            still = self._score(x - self.tolerance * np.abs(shift), y) > self.quantile
            first[runs[still]] = seen
        return first

    @staticmethod
    def _score(x: Floats, y: Floats) -> Floats:
        """Return the rank test's z of `x` above `y`, [run, minute] each, all above -1."""
        size = x.shape[1]
        # Positive doubles sort like their bits; the lowest bit marks `x`, so that one sort ranks both.
        bits = np.hstack([(y + 1).view(np.int64) & ~1, (x + 1).view(np.int64) | 1])
        bits.sort(axis=1)
        is_x = (bits & 1).astype(np.int32)
        starts = np.ones(bits.shape, bool)
        starts[:, 1:] = bits[:, 1:] >> 1 != bits[:, :-1] >> 1
        place = np.arange(2 * size, dtype=np.int32)
        within = place - np.maximum.accumulate(np.where(starts, place, 0), axis=1)
        tied = (3 * within * (within + 1)).sum(axis=1)
        y_so_far = np.cumsum(1 - is_x, axis=1, dtype=np.int32)
        y_below = np.maximum.accumulate(np.where(starts, y_so_far - (1 - is_x), 0), axis=1)
        difference = (is_x * (y_so_far + y_below)).sum(axis=1) / 2 - size * size / 2
        variance = size * size / 12 * (2 * size + 1 - tied / (2 * size * (2 * size - 1)))
        with np.errstate(divide="ignore", invalid="ignore"):
            score: Floats = (difference - 0.5 * np.sign(difference)) / np.sqrt(variance)
        return np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0)


RIVALS: Mapping[str, Judge] = {
    "alias errors > 0, 2 x 60 s": OnMinutes(lambda _i1, e1, _i2, e2: e1 + e2 > 0, datapoints=2),
    "version errors > 0": OnMinutes(lambda _i1, _e1, _i2, e2: e2 > 0),
    "alias error rate > 5%": OnMinutes(lambda i1, e1, i2, e2: e1 + e2 > 0.05 * (i1 + i2)),
    "version error rate > 5%": OnMinutes(lambda _i1, _e1, i2, e2: e2 > 0.05 * i2),
    "fixed z > 1.96": OnSums(fixed_z),
    "Kayenta Mann-Whitney": MannWhitney(),
    "mSPRT 1%": OnSums(mixture_sprt),
    "count mixture 1%": OnSums(count_mixture),
}
JUDGES: Mapping[str, Judge] = {STRATA: shipped(Rule()), FORMER: shipped(Rule(statistic="z")), **RIVALS}
