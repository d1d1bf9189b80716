"""The curve that a release chooses, by counts alone."""

import math
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from infra.codedeploy import CANARIES, LINEAR
from infra.release.verdict.curves import PREDEFINED, Auto, Choice, Shift, best, caught, choose
from infra.release.verdict.rule import Rule
from infra.release.verdict.traffic import PERIOD, WEEK, Bucket, History, Traffic, expected

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DEFAULT = Shift(CANARIES[10, 10], 10, 10)
AUTO = Auto(points=5, chance=0.9, longest=60)
RULE = Rule()


def chance(shift: Shift, rps: float, baseline: float) -> float:
    return caught(shift, Traffic(rps, baseline), RULE, 5)


def chosen(rps: float, baseline: float = 0.002, auto: Auto = AUTO) -> Choice:
    return choose(auto, DEFAULT, RULE, Traffic(rps, baseline))


def test_codedeploys_own_curves_have_the_length_that_aws_gives_them() -> None:
    lengths = {each.name: each.length for each in PREDEFINED}
    assert [lengths[name] for name in CANARIES.values()] == [5, 10, 15, 30]
    assert [lengths[name] for name in LINEAR.values()] == [9, 18, 27, 90]


def test_a_linear_curve_counts_with_the_mean_of_its_shares() -> None:
    every = Shift("linear", 10, 3, linear=True)
    assert [every.share(minutes) for minutes in (1, 3, 6, 27)] == [10, 10, 15, 50]
    assert Shift("thirds", 33, 5, linear=True).length == 15, "33, 66, 99, 100 %"


def test_a_busy_function_gets_a_short_curve_and_a_quiet_one_a_longer() -> None:
    assert chosen(100).shift.name == CANARIES[10, 5]
    assert chosen(0.3).shift.length > chosen(3).shift.length > chosen(100).shift.length


def test_of_two_that_serve_the_shorter_is_chosen_and_of_two_as_short_the_one_with_less_traffic() -> None:
    wide, narrow, longer = Shift("wide", 80, 7), Shift("narrow", 60, 7), Shift("longer", 60, 8)
    auto = Auto(5, 0.9, 60, (longer, wide, narrow))
    assert chosen(3, auto=auto).shift is not longer
    assert min(chance(narrow, 4, 0.002), chance(wide, 4, 0.002)) >= 0.9 > chance(Shift("", 10, 5), 4, 0.002)
    assert chosen(4, auto=auto).shift == narrow


def test_the_reason_says_traffic_curve_and_chance() -> None:
    assert chosen(3).why == (
        "3 requests/s at 0.2 % errors: 10 % more every 1 minute catches +5 points in 99 % of cases, "
        "the shortest that catches 90 %"
    )


def test_tenths_of_a_percent_are_said_where_they_are_asked_for() -> None:
    found = chosen(40, auto=Auto(points=5, chance=0.999, longest=60)).why
    assert found.endswith(" % of cases, the shortest that catches 99.9 %")
    assert float(found.partition("points in ")[2].partition(" %")[0]) >= 99.9


def test_what_is_not_reached_within_the_longest_is_said_with_what_reaches_it() -> None:
    found = chosen(0.15)
    assert found.shift.name == LINEAR[10, 3]
    assert found.why == (
        f"0.15 requests/s at 0.2 % errors: 10 % more every 3 minutes catches +5 points in "
        f"{math.floor(chance(found.shift, 0.15, 0.002) * 100)} % of cases; 90 % is not reached within 60 minutes: "
        "lengthen `longest` or accept; 10 % more every 10 minutes reaches it in 90 minutes"
    )


def test_what_no_curve_reaches_is_said_with_the_nearest_that_can_be_had() -> None:
    found = chosen(0.3, 0.05)
    can = found.shift.situation(Traffic(0.3, 0.05), RULE)
    assert "90 % is reached by no listed curve: list a longer one or accept; +" in found.why
    nearest = float(found.why.rpartition("+")[2].partition(" ")[0]) / 100
    assert can.caught(nearest) >= 0.9 > can.caught(nearest - 0.002)
    assert chosen(0.0001).why.endswith("not even a canary that fails every request")


def test_without_known_traffic_the_default_is_taken_and_said() -> None:
    found = choose(AUTO, DEFAULT, RULE, None)
    assert found == Choice(DEFAULT, "no traffic of the last 4 weeks is known: the default, 10 % for 10 minutes")


def test_a_listed_curve_is_offered_beside_codedeploys_own() -> None:
    mine = Shift("mine", 50, 60)
    assert chosen(0.2, auto=Auto(5, 0.9, 60, (mine,))).shift == mine
    assert chosen(0.2, auto=Auto(5, 0.9, 59, (mine,))).shift != mine


def test_a_rule_of_statistic_z_is_asked_like_any_other() -> None:
    found = choose(AUTO, DEFAULT, Rule(statistic="z"), Traffic(1, 0.002))
    assert found.shift.length >= chosen(1).shift.length


@pytest.mark.parametrize("weeks", [20, pytest.param(1000, marks=pytest.mark.faults)])
def test_over_drawn_weeks_of_traffic_it_reaches_what_its_limits_allow_and_is_never_longer_than_allowed(
    weeks: int,
) -> None:
    """Each week has a level, a day and a weekend of its own, and counts by chance. The history is of three such weeks,
    and the true rate of the coming hour is that at which the chosen curve must catch."""
    rng, short = np.random.default_rng(17), []
    starts = np.arange(3 * WEEK / PERIOD)
    at = [NOW - 3 * WEEK + PERIOD * int(number) for number in starts]
    hours = np.array([each.hour + each.minute / 60 for each in at])
    weekend = np.array([each.weekday() >= 5 for each in at])
    for _ in range(weeks):
        level, swing, peak = 10 ** rng.uniform(-1.2, 1.8), rng.uniform(0, 0.9), rng.uniform(0, 24)
        baseline, quiet = rng.choice([0.0, 0.001, 0.01, 0.05]), rng.uniform(0.2, 1)
        rates = level * (1 + swing * np.cos((hours - peak) / 12 * np.pi)) * np.where(weekend, quiet, 1)
        requests = rng.poisson(rates * PERIOD.total_seconds())
        errors = rng.binomial(requests, baseline)
        counts = zip(at, requests.tolist(), errors.tolist(), strict=True)
        past = History(tuple(Bucket(time, count, failed) for time, count, failed in counts if count))
        traffic = expected(past, NOW, 60)
        assert traffic is not None
        auto = Auto(5, float(rng.choice([0.8, 0.9])), int(rng.choice([15, 30, 60, 90])))
        found, reached = best(auto, RULE, traffic)
        assert found.length <= auto.longest
        shorter = [each for each in auto.allowed if each.length < found.length]
        assert all(chance(each, *astuple(traffic)) < auto.chance for each in shorter)
        if reached < auto.chance:
            assert reached == max(chance(each, *astuple(traffic)) for each in auto.allowed)
            continue
        true = level * (1 + swing * math.cos((NOW.hour - peak) / 12 * math.pi))
        short.append(chance(found, float(f"{true:.2g}"), float(baseline)) - auto.chance)
    assert len(short) > weeks / 3
    assert np.mean(np.array(short) >= -0.03) > 0.95, "the estimate of the coming hour is near the truth"


@pytest.mark.parametrize("minutes", [5, 9, 10, 15, 18, 27, 30, 60, 90])
def test_no_choice_is_longer_than_allowed(minutes: int) -> None:
    for rps in (0.01, 0.3, 1, 10):
        assert chosen(rps, auto=Auto(5, 0.9, minutes)).shift.length <= minutes


def test_no_curve_that_short_leaves_the_default() -> None:
    assert "no curve lasts 4 minutes at most" in chosen(1, auto=Auto(5, 0.9, 4)).why


def test_an_estimate_of_more_than_any_function_has_is_computed_too() -> None:
    assert chosen(1_000_000.0).shift.length == 5


def test_the_hour_to_come_is_a_window_of_time_and_not_of_the_clock() -> None:
    assert expected(History((Bucket(NOW - timedelta(days=7), 900),)), NOW, 15) is not None
