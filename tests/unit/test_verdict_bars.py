"""The rivals, the optimal test and the bars of the benchmark behind docs/verdict.md, on values worked out."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from bench.verdict_bars import Figures, _by_baseline, _near_the_limit, _no_loss, _unbeaten
from bench.verdict_draws import DEFAULT, LINEAR, Cell, plain
from bench.verdict_limit import most_caught
from bench.verdict_rules import FORMER, JUDGES, NEVER, RIVALS, STRATA, count_mixture
from bench.verdict_tally import Key, Tally


def test_the_count_mixture_is_a_likelihood_ratio_against_one_hundred() -> None:
    # By hand, with share 0.1: B(1 + e2, 1 + e1) / (0.1^e2 0.9^e1) is 33, 250, 56 and 370.
    e2, e1 = np.array([2.0, 3.0, 3.0, 4.0]), np.array([0.0, 0.0, 1.0, 1.0])
    fired_ = count_mixture(np.full(4, 900.0), e1, np.full(4, 100.0), e2)
    assert fired_.tolist() == [False, True, False, True]
    assert not count_mixture(np.array([900.0, 0.0]), np.zeros(2), np.array([0.0, 9.0]), np.array([0.0, 9.0])).any()


def test_the_count_mixture_errs_at_most_as_often_as_it_promises() -> None:
    for rps in (0.3, 10):
        good = plain(np.random.default_rng(12), LINEAR, Cell(0.05, rps, 20_000), (0.0,))[0][1]
        assert (RIVALS["count mixture 1%"](good, 8) < NEVER).mean() < 0.01


def test_the_optimal_test_catches_what_can_be_worked_out_by_hand() -> None:
    # Without a baseline any error is the release's; with all down, any success shows that it is good.
    assert most_caught(20, 0.0, 0.05, 1e-9) == pytest.approx(1 - math.exp(-1))
    assert most_caught(5, 0.05, 0.95, 0.01) == pytest.approx(1)
    no_request, no_success = math.exp(-5), math.exp(-4.75)
    drawn = (0.005 - (no_success - no_request)) / no_request  # the part of the runs without requests that it rejects
    assert most_caught(5, 0.05, 0.95, 0.005) == pytest.approx(1 - (1 - drawn) * no_request)
    assert most_caught(50, 0.05, 0.0, 0.01) == pytest.approx(0.01)
    assert most_caught(50, 0.05, 0.05, 1.0) == pytest.approx(1)


@pytest.mark.parametrize(("baseline", "rps"), [(0.05, 1), (0.05, 3), (0.01, 10)])
def test_no_rule_that_looks_often_catches_more_than_the_optimal_test(baseline: float, rps: float) -> None:
    good, bad = (
        draw for _, draw in plain(np.random.default_rng(13), DEFAULT, Cell(baseline, rps, 40_000), (0.0, 0.05))
    )
    for name in (STRATA, FORMER, "mSPRT 1%", "count mixture 1%", "fixed z > 1.96"):
        false, caught = ((JUDGES[name](each, 9) < NEVER).mean() for each in (good, bad))
        assert caught <= most_caught(rps * 54, baseline, 0.05, float(false)) + 0.01
    assert most_caught(rps * 54, baseline, 0.05, 0.005) < most_caught(rps * 108, baseline, 0.05, 0.005)


class Shares(dict[Key, Tally]):
    """Rows of 10,000 runs with the shares that a function gives."""

    def __init__(self, share: Callable[[Key], float]) -> None:
        super().__init__()
        self.share = share

    def __missing__(self, key: Key) -> Tally:
        stops = np.zeros(30, np.int64)
        stops[2] = round(self.share(key) * 10_000)
        return Tally(runs=10_000, minutes=2.0 * stops[2], harm=10.0, least_harm=10.0, stops=stops)


def missed(share: Callable[[Key], float]) -> str:
    every = (bar for made in (_no_loss, _unbeaten, _near_the_limit) for bar in [made(Figures(Shares(share)))])
    return "; ".join(f"{bar.what}: {bar.figure} at {bar.place}" for bar in every if not bar.met)


def test_bars_see_a_loss_a_rival_ahead_and_a_distance() -> None:
    assert not missed(lambda key: 0.999 if key.regression else 0.001)
    worse = missed(lambda key: (0.8 if key.rule == STRATA else 0.82) if key.regression else 0.001)
    assert "caught less than by strata 1" in worse
    assert ": 2.00 at +2 points, 0 % errors, 0.3/s, 0 min late" in worse
    ours = {STRATA: 0.01, FORMER: 0.01}
    ahead = missed(lambda key: (0.8 if key.rule in ours else 0.9) if key.regression else ours.get(key.rule, 0))
    assert "a rival ahead on both sides" in ahead
    assert "points below the optimal test" in missed(lambda key: 0.5 if key.regression else 0.001)


def test_a_bar_by_baseline_is_missed_where_one_baseline_misses_it() -> None:
    figures = Figures(Shares(lambda key: 0.4 if key.baseline < 0.05 else 0.06))
    assert _by_baseline(figures, 0.05, 1, (0.3, 0.3, 0.3, 0.05)).met
    bar = _by_baseline(figures, 0.05, 1, (0.3, 0.3, 0.3, 0.07))
    assert (bar.met, bar.place) == (False, "5 % errors, 1/s, 1 min late")
    assert bar.what == "+5 points caught at 1/s, by baseline: >= 30.0 / 30.0 / 30.0 / 7.00 %"
