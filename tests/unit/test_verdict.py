"""The rule on counts: worked examples, exact arithmetic as a second opinion, and what must hold whatever the counts."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.release.verdict.judge import LARGEST_COUNT, Counts, fires, judge
from infra.release.verdict.rule import Rule, VerdictError

RULES = st.builds(
    Rule,
    z=st.sampled_from([1.5, 3.15, 5]),
    correction=st.sampled_from([0, 0.5, 1, 2]),
    minimum_errors=st.integers(1, 10),
    absolute=st.sampled_from([0.05, 0.25, 0.9]),
    forgiven=st.integers(0, 5),
)


@st.composite
def counts(draw: st.DrawFn, most: int = 10**6) -> Counts:
    invocations = draw(st.one_of(st.integers(0, 30), st.integers(0, most)))
    errors = draw(st.one_of(st.integers(0, min(20, invocations)), st.integers(0, invocations)))
    return Counts(invocations, errors)


def test_twenty_errors_in_six_hundred_against_one_per_cent_are_a_regression() -> None:
    verdict = judge(Counts(5400, 54), Counts(600, 20), Rule())
    # Worked by hand: (19/600 - 54/5400) / sqrt(74/6000 * 5926/6000 * (1/5400 + 1/600)).
    assert verdict.z == pytest.approx(4.5619, abs=1e-4)
    assert (verdict.fired, verdict.relative, verdict.absolute) == (True, True, False)
    assert verdict.detail == (
        "canary 20 errors in 600 (3.33%), stable 54 errors in 5400 (1.00%), z 4.56: relative rule fired"
    )


def test_thirteen_errors_in_six_hundred_against_one_per_cent_may_be_chance() -> None:
    verdict = judge(Counts(5400, 54), Counts(600, 13), Rule())
    # (12/600 - 54/5400) / sqrt(67/6000 * 5933/6000 * (1/5400 + 1/600)).
    assert verdict.z == pytest.approx(2.2114, abs=1e-4)
    assert not verdict.fired
    assert verdict.detail.endswith("z 2.21: no rule fired")


def test_four_failures_of_six_fire_the_absolute_rule_beside_a_failing_stable_version() -> None:
    verdict = judge(Counts(54, 15), Counts(6, 4), Rule())
    assert (verdict.relative, verdict.absolute) == (False, True)


@pytest.mark.parametrize("forgiven", [0, 3])
def test_exactly_the_minimum_of_errors_beyond_the_forgiven_is_enough(forgiven: int) -> None:
    stable, rule = Counts(5400, 0), Rule(forgiven=forgiven)
    assert judge(stable, Counts(600, forgiven + 4), rule).relative
    assert not judge(stable, Counts(600, forgiven + 3), rule).fired
    failing = judge(Counts(54, 0), Counts(6 + forgiven, 4 + forgiven), rule)
    assert (failing.relative, failing.absolute) == (True, True)


def test_three_failures_of_three_are_too_few() -> None:
    assert not judge(Counts(5400, 0), Counts(3, 3), Rule()).fired


@pytest.mark.parametrize(("difference", "fired"), [(25, False), (26, True)])
def test_the_absolute_rule_wants_more_than_its_bound(difference: int, fired: bool) -> None:
    verdict = judge(Counts(100, 10), Counts(100, 10 + difference), Rule(z=10))
    assert verdict.absolute is fired


def test_slowness_is_judged_only_with_a_budget() -> None:
    stable, canary = Counts(5400, 0, slow=54.0), Counts(600, 0, slow=20.0)
    assert not judge(stable, canary, Rule()).fired
    assert judge(stable, canary, Rule(slow_milliseconds=300)).slow


def _second_opinion(stable: Counts, canary: Counts, rule: Rule) -> tuple[bool, bool] | None:
    """Both parts by exact division, as a textbook has them; None within a hair of a bound, where doubles may differ."""
    if not (stable.invocations and canary.invocations):
        return False, False
    i1, e1, i2 = (Fraction(count) for count in (stable.invocations, stable.errors, canary.invocations))
    e2 = Fraction(max(canary.errors - rule.forgiven, 0))
    above = (e2 - Fraction(rule.correction)) / i2 - e1 / i1
    pooled = (e1 + e2) / (i1 + i2)
    squared_error = pooled * (1 - pooled) * (1 / i1 + 1 / i2)
    bound = Fraction(rule.z) ** 2 * squared_error
    gap = e2 / i2 - e1 / i1
    if abs(above**2 - bound) <= bound / 10**12 or abs(gap - Fraction(rule.absolute)) <= Fraction(1, 10**12):
        return None
    enough = e2 >= rule.minimum_errors
    return above > 0 and above**2 > bound and enough, gap > Fraction(rule.absolute) and enough


@given(counts(), counts(), RULES)
def test_the_rule_without_division_is_the_textbook_test(stable: Counts, canary: Counts, rule: Rule) -> None:
    opinion = _second_opinion(stable, canary, rule)
    assume(opinion is not None)
    verdict = judge(stable, canary, rule)
    assert (verdict.relative, verdict.absolute) == opinion


@given(st.lists(counts(1000), min_size=1, max_size=10), st.lists(counts(1000), min_size=1, max_size=10), st.data())
def test_the_order_of_minutes_changes_nothing(stable: list[Counts], canary: list[Counts], data: st.DataObject) -> None:
    def total(minutes: list[Counts]) -> Counts:
        return Counts(sum(each.invocations for each in minutes), sum(each.errors for each in minutes))

    shuffled = total(data.draw(st.permutations(stable))), total(data.draw(st.permutations(canary)))
    assert judge(*shuffled, Rule()) == judge(total(stable), total(canary), Rule())


@given(counts(), counts(), RULES, st.data())
def test_more_canary_errors_never_turn_the_verdict_around(
    stable: Counts, canary: Counts, rule: Rule, data: st.DataObject
) -> None:
    more = data.draw(st.integers(canary.errors, canary.invocations))
    assert judge(stable, Counts(canary.invocations, more), rule).fired >= judge(stable, canary, rule).fired


def test_errors_that_arrive_before_their_invocations_are_no_verdict_yet() -> None:
    assert not fires(5400.0, 54.0, 0.0, 20.0, Rule())
    assert not fires(5400.0, 54.0, 19.0, 20.0, Rule())
    assert fires(5400.0, 54.0, 20.0, 20.0, Rule())


@given(counts(), RULES)
def test_no_data_is_silence(some: Counts, rule: Rule) -> None:
    nothing = Counts(0, 0)
    assert not judge(nothing, some, rule).fired
    assert not judge(some, nothing, rule).fired
    assert judge(nothing, some, rule).z == 0


@given(counts(), counts(), RULES)
def test_a_canary_that_is_no_worse_never_fires(one: Counts, other: Counts, rule: Rule) -> None:
    better, worse = sorted((one, other), key=lambda each: each.error_rate)
    assume(better.error_rate <= worse.error_rate)
    assert not judge(worse, better, rule).fired
    assert not judge(one, one, rule).fired


@given(counts(), counts(), st.integers(0, 5))
def test_forgiven_errors_are_as_if_they_had_been_successes(stable: Counts, canary: Counts, forgiven: int) -> None:
    assume(canary.errors + forgiven <= canary.invocations)
    failing = Counts(canary.invocations, canary.errors + forgiven)
    assert judge(stable, failing, Rule(forgiven=forgiven)).fired == judge(stable, canary, Rule()).fired


@pytest.mark.parametrize("rule", [Rule(), Rule(z=2, correction=0.5, minimum_errors=2, absolute=0.1, forgiven=3)])
def test_arrays_are_judged_as_single_counts_are(rule: Rule) -> None:
    rng = np.random.default_rng(5)
    invocations = rng.integers(0, 10 ** rng.integers(1, 8, (2, 50_000)))
    rates = rng.choice([0.0, 0.001, 0.01, 0.05, 0.3, 0.9, 1.0], (2, 50_000))
    errors = rng.binomial(invocations, rates)
    (i1, i2), (e1, e2) = invocations.astype(np.float64), errors.astype(np.float64)
    at_once = fires(i1, e1, i2, e2, rule)
    one_by_one = [
        judge(Counts(*stable), Counts(*canary), rule).fired
        for stable, canary in np.stack([invocations, errors], axis=-1).transpose(1, 0, 2).tolist()
    ]
    assert at_once.tolist() == one_by_one
    assert 1000 < sum(one_by_one) < 49_000


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Counts(1, 2), "errors is 2: it must lie within 0 and the 1 invocations"),
        (lambda: Counts(5, 1, slow=5.5), "slow is 5.5: it must lie within 0 and the 5 invocations"),
        (lambda: Counts(5, 1, slow=math.nan), "slow is nan"),
        (lambda: Counts(-1, 0), "invocations is -1: it must lie within 0 and 2^53"),
        (lambda: Counts(10, -1), "errors is -1"),
        (lambda: Counts(LARGEST_COUNT + 1, 0), "invocations is 9007199254740993"),
        (lambda: Counts(math.nan, 0), "invocations is nan: a count must be a whole number"),  # type: ignore[arg-type]
        (lambda: Counts(math.inf, 0), "invocations is inf"),  # type: ignore[arg-type]
        (lambda: Counts(10, 2.5), "errors is 2.5: a count must be a whole number"),  # type: ignore[arg-type]
        (lambda: Counts("10", 2), "invocations is '10'"),  # type: ignore[arg-type]
        (lambda: Counts(10, True), "errors is True"),
    ],
)
def test_counts_that_cannot_be_are_refused(made: Callable[[], Counts], message: str) -> None:
    with pytest.raises(VerdictError) as raised:
        made()
    assert message in str(raised.value)


def test_whole_floats_such_as_cloudwatch_returns_are_counts() -> None:
    assert Counts(600.0, 20.0) == Counts(600, 20)  # type: ignore[arg-type]


def test_the_largest_counts_do_not_overflow() -> None:
    everything = Counts(LARGEST_COUNT, LARGEST_COUNT)
    assert judge(Counts(LARGEST_COUNT, 0), everything, Rule()).fired
    assert not judge(everything, everything, Rule()).fired


@pytest.mark.parametrize(
    ("bound", "value", "limits"),
    [
        ("z", 0, "1.5 - 10 standard errors"),
        ("z", -3.15, "1.5 - 10 standard errors"),
        ("z", 11, "100 requests can never show enough"),
        ("correction", -1, "0 - 10 errors"),
        ("minimum_errors", 0, "with none an empty canary would be judged"),
        ("absolute", 0, "at 0 any difference would roll back, at 1 none ever could"),
        ("absolute", 1, "give 0.01 to 0.99"),
        ("forgiven", -1, "0 - 1000 errors"),
        ("slow_milliseconds", 0, "or leave it out"),
        ("slow_milliseconds", 900_000, "none outlives Lambda's 900 s"),
        ("z", math.nan, "not a finite number of standard errors"),
        ("z", True, "not a finite number"),
        ("minimum_errors", 3.5, "not a whole number of errors"),
        ("forgiven", "3", "not a whole number of errors"),
        ("z", None, "not a finite number"),
    ],
)
def test_a_bound_that_cannot_be_is_named_with_its_value_and_limits(bound: str, value: object, limits: str) -> None:
    with pytest.raises(VerdictError) as raised:
        Rule(**{bound: value})  # type: ignore[arg-type]
    assert f"rule.{bound} is {value!r}" in str(raised.value)
    assert limits in str(raised.value)


def test_all_wrong_bounds_are_reported_at_once() -> None:
    with pytest.raises(VerdictError) as raised:
        Rule(z=0, absolute=2, minimum_errors=0)
    assert [mistake.split(" is ")[0] for mistake in raised.value.mistakes] == [
        "rule.z",
        "rule.minimum_errors",
        "rule.absolute",
    ]


def test_every_bound_has_a_meaning_a_unit_and_a_source() -> None:
    for name, bound in Rule.bounds().items():
        assert all((bound.meaning, bound.unit, bound.outside, bound.source)), name
        assert bound.check(getattr(Rule(), name)) == getattr(Rule(), name)
