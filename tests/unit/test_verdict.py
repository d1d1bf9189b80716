"""The rule on counts: worked examples, exact arithmetic as a second opinion, and what must hold whatever the counts."""

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.release.verdict.judge import LARGEST_COUNT, Counts, fires, judge, log_likelihood_ratio
from infra.release.verdict.rule import Rule, VerdictError

FORMER = Rule(statistic="z")
BOUNDS = {
    "z": st.sampled_from([1.5, 3.15, 5]),
    "minimum_errors": st.integers(1, 10),
    "absolute": st.sampled_from([0.05, 0.25, 0.9]),
    "absolute_minimum": st.integers(1, 10),
    "forgiven": st.integers(0, 5),
}
Z_RULES = st.builds(Rule, statistic=st.just("z"), correction=st.sampled_from([0, 0.5, 1, 2]), **BOUNDS)
LIKELIHOOD_RULES = st.builds(
    Rule, statistic=st.just("likelihood"), absolute_z=st.sampled_from([0, 1.5, 2.74, 6]), **BOUNDS
)
RULES = st.one_of(LIKELIHOOD_RULES, Z_RULES)


@st.composite
def counts(draw: st.DrawFn, most: int = 10**6) -> Counts:
    invocations = draw(st.one_of(st.integers(0, 30), st.integers(0, most)))
    errors = draw(st.one_of(st.integers(0, min(20, invocations)), st.integers(0, invocations)))
    return Counts(invocations, errors)


def test_twenty_errors_in_six_hundred_against_one_per_cent_are_a_regression() -> None:
    verdict = judge(Counts(5400, 54), Counts(600, 20), Rule())
    # Worked by hand, with p = 74/6000: the sum of errors and successes times ln(rate of the version / p) is 8.7099.
    assert verdict.z == pytest.approx(math.sqrt(2 * 8.70992), abs=1e-4)
    assert (verdict.fired, verdict.relative, verdict.absolute) == (True, True, False)
    assert verdict.detail == (
        "canary 20 errors in 600 (3.33%), stable 54 errors in 5400 (1.00%), z 4.17: relative rule fired"
    )


def test_the_statistic_z_is_the_two_proportion_test_of_earlier_releases() -> None:
    verdict = judge(Counts(5400, 54), Counts(600, 20), FORMER)
    # Worked by hand: (19/600 - 54/5400) / sqrt(74/6000 * 5926/6000 * (1/5400 + 1/600)).
    assert verdict.z == pytest.approx(4.5619, abs=1e-4)
    assert (verdict.fired, verdict.relative, verdict.absolute) == (True, True, False)
    assert (FORMER.z, FORMER.correction, FORMER.minimum_errors, FORMER.absolute) == (3.15, 1, 4, 0.25)
    assert FORMER.absolute_minimum == FORMER.minimum_errors


def test_thirteen_errors_in_six_hundred_against_one_per_cent_may_be_chance() -> None:
    verdict = judge(Counts(5400, 54), Counts(600, 13), FORMER)
    # (12/600 - 54/5400) / sqrt(67/6000 * 5933/6000 * (1/5400 + 1/600)).
    assert verdict.z == pytest.approx(2.2114, abs=1e-4)
    assert not verdict.fired
    assert verdict.detail.endswith("z 2.21: no rule fired")
    assert not judge(Counts(5400, 54), Counts(600, 13), Rule()).fired


def test_a_canary_that_is_better_has_a_negative_z() -> None:
    assert judge(Counts(5400, 540), Counts(600, 10), Rule()).z == pytest.approx(-7.9943, abs=1e-4)
    assert judge(Counts(5400, 54), Counts(600, 6), Rule()).z == 0


def test_four_failures_of_six_fire_the_absolute_rule_unless_stable_fails_too() -> None:
    beside_a_good_one = judge(Counts(54, 7), Counts(6, 4), Rule())
    assert (beside_a_good_one.relative, beside_a_good_one.absolute) == (False, True)
    assert not judge(Counts(54, 15), Counts(6, 4), Rule()).fired
    assert judge(Counts(54, 15), Counts(6, 4), FORMER).absolute
    assert judge(Counts(54, 15), Counts(6, 4), Rule(absolute_z=0)).absolute


@pytest.mark.parametrize("forgiven", [0, 3])
def test_exactly_the_minimum_of_errors_beyond_the_forgiven_is_enough(forgiven: int) -> None:
    stable, rule = Counts(5400, 0), Rule(forgiven=forgiven)
    assert judge(stable, Counts(600, forgiven + 3), rule).relative
    assert not judge(stable, Counts(600, forgiven + 2), rule).fired
    failing = judge(Counts(54, 0), Counts(6 + forgiven, 4 + forgiven), rule)
    assert (failing.relative, failing.absolute) == (True, True)


def test_each_part_has_a_minimum_of_its_own() -> None:
    three = judge(Counts(5400, 0), Counts(3, 3), Rule())
    assert (three.relative, three.absolute) == (True, False)
    assert not judge(Counts(5400, 0), Counts(3, 3), FORMER).fired
    patient = judge(Counts(54, 0), Counts(6, 4), Rule(minimum_errors=5, absolute_minimum=4))
    assert (patient.relative, patient.absolute) == (False, True)
    assert Rule(minimum_errors=6).absolute_minimum == 6


@pytest.mark.parametrize(("difference", "fired"), [(25, False), (26, True)])
def test_the_absolute_rule_wants_more_than_its_bound(difference: int, fired: bool) -> None:
    verdict = judge(Counts(100, 10), Counts(100, 10 + difference), Rule(z=10, absolute=0.25))
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
    gap = e2 / i2 - e1 / i1
    if abs(gap - Fraction(rule.absolute)) <= Fraction(1, 10**12):
        return None
    absolute = gap > Fraction(rule.absolute) and e2 >= rule.absolute_minimum
    if rule.statistic == "likelihood":
        ratio = _to_fifty_digits(int(i1), int(e1), int(i2), int(e2))
        limits = [Decimal(each) ** 2 / 2 for each in (rule.z, rule.absolute_z)]
        if gap > 0 and any(abs(ratio - limit) <= Decimal("1e-6") for limit in limits):
            return None
        return gap > 0 and ratio > limits[0] and e2 >= rule.minimum_errors, absolute and ratio > limits[1]
    pooled = (e1 + e2) / (i1 + i2)
    squared_error = pooled * (1 - pooled) * (1 / i1 + 1 / i2)
    bound = Fraction(rule.z) ** 2 * squared_error
    if abs(above**2 - bound) <= bound / 10**12:
        return None
    return above > 0 and above**2 > bound and e2 >= rule.minimum_errors, absolute


def _to_fifty_digits(i1: int, e1: int, i2: int, e2: int) -> Decimal:
    """The log likelihood ratio as a sum over both versions of count times ln(its rate / the common rate)."""
    with localcontext() as context:
        context.prec = 50
        i1_, e1_, i2_, e2_ = (Decimal(each) for each in (i1, e1, i2, e2))
        common = (e1_ + e2_) / (i1_ + i2_)
        terms = [
            (count, count / invocations / rate)
            for invocations, errors in ((i1_, e1_), (i2_, e2_))
            for count, rate in ((errors, common), (invocations - errors, 1 - common))
            if count
        ]
        return sum((count * quotient.ln() for count, quotient in terms), Decimal(0))


def test_the_likelihood_ratio_is_exact_to_six_decimals_at_ten_million_requests() -> None:
    rng = np.random.default_rng(17)
    for _ in range(300):
        i1, i2 = (int(10 ** rng.uniform(0, 7)) for _ in range(2))
        rate = float(rng.choice([0.0, 1e-6, 0.001, 0.01, 0.3, 0.9, 1.0]))
        e1, e2 = (int(rng.binomial(invocations, rate)) for invocations in (i1, i2))
        counts_ = float(i1), float(e1), float(i2), float(e2)
        assert abs(Decimal(log_likelihood_ratio(*counts_)) - _to_fifty_digits(i1, e1, i2, e2)) < Decimal("1e-6")
        at_once = log_likelihood_ratio(*(np.array([each]) for each in counts_), log=np.log)
        assert abs(Decimal(float(at_once[0])) - _to_fifty_digits(i1, e1, i2, e2)) < Decimal("1e-6")
    for e2 in (0, 1, 10**6, 10**7 - 1, 10**7):
        exact = _to_fifty_digits(10**7, 10**6, 10**7, e2)
        assert abs(Decimal(log_likelihood_ratio(1e7, 1e6, 1e7, float(e2))) - exact) < Decimal("1e-6")


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
    for rule in (Rule(), FORMER):
        assert not fires(5400.0, 54.0, 0.0, 20.0, rule)
        assert not fires(5400.0, 54.0, 19.0, 20.0, rule)
        assert fires(5400.0, 54.0, 20.0, 20.0, rule)
    assert not fires(0.0, 54.0, 20.0, 20.0, Rule())
    assert not fires(53.0, 54.0, 20.0, 20.0, Rule())


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


@pytest.mark.parametrize(
    "rule",
    [
        Rule(),
        Rule(z=2, minimum_errors=2, absolute=0.1, forgiven=3),
        FORMER,
        Rule(z=2, correction=0.5, minimum_errors=2, absolute=0.1, forgiven=3),
    ],
)
def test_arrays_are_judged_as_single_counts_are(rule: Rule) -> None:
    rng = np.random.default_rng(5)
    invocations = rng.integers(0, 10 ** rng.integers(1, 8, (2, 50_000)))
    rates = rng.choice([0.0, 0.001, 0.01, 0.05, 0.3, 0.9, 1.0], (2, 50_000))
    errors = rng.binomial(invocations, rates)
    (i1, i2), (e1, e2) = invocations.astype(np.float64), errors.astype(np.float64)
    at_once = fires(i1, e1, i2, e2, rule, log=np.log)
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
        ("absolute_z", -1, "0 - 10 standard errors"),
        ("absolute_minimum", 0, "with none an empty canary would be judged"),
        ("statistic", "chi", "not supported: the relative part asks the likelihood ratio"),
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


def test_a_rule_with_a_correction_and_no_statistic_is_one_of_earlier_releases() -> None:
    assert Rule(correction=1) == FORMER
    assert Rule(z=3.15, correction=1, minimum_errors=2, absolute=0.25).absolute_minimum == 2
    assert Rule(z=3.5, minimum_errors=6, absolute=0.3).statistic == "likelihood"
    assert replace(Rule(), forgiven=3).statistic == "likelihood"
    with pytest.raises(VerdictError, match=r"rule\.absoluteZ is 2, but only statistic likelihood has it; leave it out"):
        Rule(statistic="z", absolute_z=2)
    with pytest.raises(VerdictError, match=r"rule\.correction is 1, but only statistic z has it; leave it"):
        Rule(statistic="likelihood", correction=1)


def test_every_bound_has_a_meaning_a_unit_and_a_source() -> None:
    for name, bound in Rule.bounds().items():
        assert all((bound.meaning, bound.unit, bound.outside, bound.source)), name
        assert bound.check(getattr(Rule(), name)) == getattr(Rule(), name)
