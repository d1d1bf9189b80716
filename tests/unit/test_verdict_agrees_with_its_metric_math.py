"""The rule on counts and the rule as metric math give the same verdict, whatever the counts and whatever is missing.

The evaluator is the local cloud's: written from CloudWatch's documentation by other hands than the rule.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.release.verdict.judge import Counts, fires, judge
from infra.release.verdict.metric_math import MetricQuery, metric_queries, slow_metric_queries, statistic_queries
from infra.release.verdict.rule import Rule
from local.cloud.metrics.math.evaluation import Expressions
from local.cloud.metrics.math.values import Series

NOW = 1_767_225_600.0

BOUNDS = {
    "z": st.floats(1.5, 10),
    "minimum_errors": st.integers(1, 20),
    "absolute": st.floats(0.01, 0.99),
    "absolute_minimum": st.integers(1, 20),
    "forgiven": st.integers(0, 10),
    "slow_milliseconds": st.just(300),
}
RULES = st.one_of(
    st.builds(Rule, statistic=st.just("likelihood"), absolute_z=st.floats(0, 5), **BOUNDS),
    st.builds(Rule, statistic=st.just("z"), correction=st.floats(0, 10), **BOUNDS),
)
COUNT = st.one_of(st.integers(0, 30), st.integers(0, 10**7))
MISSING = st.none()
METRICS = ("stable_invocations", "stable_errors", "canary_invocations", "canary_errors")
ANSWERED = ("stable_answered", "canary_answered")


def red(queries: tuple[MetricQuery, ...], values: Mapping[str, float | None]) -> bool:
    """Whether an alarm on `queries` is red; a point that is not there does not breach."""
    metrics = [query.id for query in queries if query.expression is None]
    texts = {query.id: query.expression for query in queries if query.expression is not None}
    series = [Series({} if (value := values[name]) is None else {NOW: float(value)}, name) for name in metrics]
    result = Expressions.parsed(texts, metrics).evaluate(series, (NOW,))["verdict"]
    assert set(result.points.values()) <= {0.0, 1.0}
    return result.points.get(NOW, 0.0) >= 1


def without_fill(queries: tuple[MetricQuery, ...]) -> tuple[MetricQuery, ...]:
    """The same queries if FILL left a wholly empty series empty, which the documentation leaves open."""
    return tuple(
        query
        if query.expression is None
        else replace(query, expression=re.sub(r"FILL\((\w+), 0\)", r"\1", query.expression))
        for query in queries
    )


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    invocations = draw(COUNT)
    return Counts(invocations, draw(st.one_of(st.integers(0, min(20, invocations)), st.integers(0, invocations))))


@st.composite
def borderline(draw: st.DrawFn) -> tuple[Counts, Counts, Rule]:
    """Canaries on either side of the verdict: one error less would not fire, or one more would."""
    stable, rule, invocations = draw(counts()), draw(RULES), draw(COUNT)
    least, most = 0, invocations
    while least < most:
        middle = (least + most) // 2
        fired = judge(stable, Counts(invocations, middle), rule).fired
        least, most = (least, middle) if fired else (middle + 1, most)
    return stable, Counts(invocations, max(0, least - draw(st.integers(0, 1)))), rule


@settings(max_examples=300)
@given(borderline())
def test_counts_and_metric_math_agree_on_the_border(case: tuple[Counts, Counts, Rule]) -> None:
    stable, canary, rule = case
    values = (stable.invocations, stable.errors, canary.invocations, canary.errors)
    queries = metric_queries("orders", "live", "7", "8", rule)
    assert red(queries, dict(zip(METRICS, values, strict=True))) == judge(stable, canary, rule).fired


@given(counts(), counts(), RULES)
@example(Counts(0, 0), Counts(0, 0), Rule())
@example(Counts(5400, 54), Counts(600, 20), Rule())
@example(Counts(5400, 54), Counts(600, 20), Rule(forgiven=20))
def test_counts_and_metric_math_agree(stable: Counts, canary: Counts, rule: Rule) -> None:
    queries = metric_queries("orders", "live", "7", "8", rule)
    values = dict(zip(METRICS, (stable.invocations, stable.errors, canary.invocations, canary.errors), strict=True))
    assert red(queries, values) == judge(stable, canary, rule).fired


@pytest.mark.parametrize("answered", [False, True], ids=["raised", "answered"])
@pytest.mark.parametrize(
    "rule", [Rule(), Rule(forgiven=2, absolute=0.1), Rule(statistic="z")], ids=["shipped", "forgiving", "z"]
)
def test_both_agree_on_random_counts_and_whatever_is_missing_of_them(rule: Rule, *, answered: bool) -> None:
    rng, rows = np.random.default_rng(23), 17_000
    invocations = rng.integers(0, 10 ** rng.integers(1, 8, (2, rows)))
    rates = rng.choice([0.0, 0.001, 0.01, 0.05, 0.3, 1.0], rows) + rng.choice([0.0, 0.02], (2, rows))
    errors = rng.binomial(invocations, np.minimum(rates, 1))
    # Any part of the errors was answered: none, some or all. Where such faults do not count, their series is left over.
    faults = rng.binomial(errors, rng.choice([0.0, 0.3, 1.0], (2, rows)) if answered else 0)
    raised = errors - faults
    missing = rng.random((6, rows)) < 0.03  # each count by itself, so that errors without invocations are among them
    counts_ = np.stack([invocations[0], raised[0], invocations[1], raised[1], *faults]).astype(float)
    counted_ = np.where(missing, 0, counts_)

    times = [NOW + 60 * row for row in range(rows)]
    queries = metric_queries("orders", "live", "7", "8", rule, answered=answered)
    metrics = [
        Series({at: count for at, count, gone in zip(times, row.tolist(), lost, strict=True) if not gone}, name)
        for name, row, lost in zip((*METRICS, *ANSWERED), counts_, missing, strict=True)
    ]
    texts = {query.id: query.expression for query in queries if query.expression is not None}
    points = Expressions.parsed(texts, (*METRICS, *ANSWERED)).evaluate(metrics, times)["verdict"].points
    by_alarm = [points.get(at, 0.0) >= 1 for at in times]
    by_counts = [bool(fires(i1, e1 + a1, i2, e2 + a2, rule)) for i1, e1, i2, e2, a1, a2 in counted_.T.tolist()]
    assert by_alarm == by_counts
    assert 0.05 < sum(by_counts) / rows < 0.95


@given(st.tuples(*[st.one_of(MISSING, COUNT)] * 4), RULES)
@example((None, None, None, None), Rule())
@example((None, None, 600, 20), Rule())
@example((5400, None, 600, 20), Rule())
@example((5400, 54, None, 20), Rule())
@example((5400, 54, 600, None), Rule())
def test_what_is_missing_reads_as_nothing(values: tuple[int | None, ...], rule: Rule) -> None:
    queries = metric_queries("orders", "live", "7", "8", rule)
    i1, e1, i2, e2 = (float(value or 0) for value in values)
    assert red(queries, dict(zip(METRICS, values, strict=True))) == bool(fires(i1, e1, i2, e2, rule))


@given(st.tuples(*[st.one_of(MISSING, COUNT)] * 4), RULES)
@example((None, None, 600, 600), Rule())
@example((5400, None, 600, 600), Rule())
def test_the_verdict_does_not_hang_on_what_fill_does_to_an_empty_series(
    values: tuple[int | None, ...], rule: Rule
) -> None:
    queries = without_fill(metric_queries("orders", "live", "7", "8", rule))
    i1, e1, i2, e2 = (float(value or 0) for value in values)
    assert red(queries, dict(zip(METRICS, values, strict=True))) == bool(fires(i1, e1, i2, e2, rule))


@given(st.tuples(*[st.one_of(MISSING, COUNT)] * 6), RULES, st.booleans())
@example((5400, None, 600, None, None, 20), Rule(), False)
@example((5400, None, 600, None, None, 20), Rule(), True)
@example((5400, 54, 600, 6, None, None), Rule(forgiven=2), True)
@example((5400, None, 600, None, None, None), Rule(forgiven=2), True)
def test_answered_faults_are_errors_as_well_whatever_fill_does_to_a_series_without_any(
    values: tuple[int | None, ...], rule: Rule, empty: bool
) -> None:
    queries = metric_queries("orders", "live", "7", "8", rule, answered=True)
    i1, e1, i2, e2, a1, a2 = (float(value or 0) for value in values)
    found = red(without_fill(queries) if empty else queries, dict(zip((*METRICS, *ANSWERED), values, strict=True)))
    assert found == bool(fires(i1, e1 + a1, i2, e2 + a2, rule))


@given(counts(), counts(), RULES)
@example(Counts(5400, 54), Counts(600, 20), Rule(slow_milliseconds=300))
def test_slow_counts_and_metric_math_agree(stable: Counts, canary: Counts, rule: Rule) -> None:
    def fast(some: Counts) -> float | None:
        """What CloudWatch ranks: the percentage within the budget, none where there is no duration."""
        return 100 * (1 - some.errors / some.invocations) if some.invocations else None

    def slow(some: Counts) -> Counts:
        rank = fast(some)
        return Counts(some.invocations, 0, 0.0 if rank is None else some.invocations * (100 - rank) / 100)

    values = {
        "stable_invocations": stable.invocations,
        "stable_fast": fast(stable),
        "canary_invocations": canary.invocations,
        "canary_fast": fast(canary),
    }
    queries = slow_metric_queries("orders", "live", "7", "8", rule)
    assert red(queries, values) == judge(slow(stable), slow(canary), rule).slow


def test_an_invocation_without_a_known_rank_is_not_slow() -> None:
    values = {"stable_invocations": 5400, "stable_fast": 99.0, "canary_invocations": 600, "canary_fast": None}
    assert not red(slow_metric_queries("orders", "live", "7", "8", Rule(slow_milliseconds=300)), values)


# The statistic of a dashboard


MINUTE = st.tuples(counts(), counts())


def drawn(minutes: list[tuple[Counts, Counts]], rule: Rule, *, answered: bool = False) -> Series:
    """The line z of a graph. An alias counts what both versions do; half of the errors are answered if any may be."""
    queries = statistic_queries("orders", "live", "8", rule, answered=answered)
    faults = [(stable.errors // 2, canary.errors // 2) if answered else (0, 0) for stable, canary in minutes]
    values = {
        "all_invocations": [stable.invocations + canary.invocations for stable, canary in minutes],
        "canary_invocations": [canary.invocations for _, canary in minutes],
        "all_errors": [s.errors + c.errors - sum(f) for (s, c), f in zip(minutes, faults, strict=True)],
        "canary_errors": [c.errors - f[1] for (_, c), f in zip(minutes, faults, strict=True)],
        "all_answered": [sum(each) for each in faults],
        "canary_answered": [each[1] for each in faults],
    }
    times = [NOW + 60 * place for place in range(len(minutes))]
    metrics = [query.id for query in queries if query.expression is None]
    assert all(query.period == 60 for query in queries if query.expression is None)
    series = [Series({at: float(v) for at, v in zip(times, values[name], strict=True) if v}, name) for name in metrics]
    texts = {query.id: query.expression for query in queries if query.expression is not None}
    return Expressions.parsed(texts, metrics).evaluate(series, times)["z"]


@given(st.lists(MINUTE, min_size=1, max_size=5), RULES, st.booleans())
def test_the_statistic_of_a_dashboard_is_the_verdicts_in_each_minute(
    minutes: list[tuple[Counts, Counts]], rule: Rule, answered: bool
) -> None:
    shared = [(s, c) if s.invocations and c.invocations else (Counts(0, 0), Counts(0, 0)) for s, c in minutes]
    found = drawn(minutes, rule, answered=answered)
    for place in range(len(minutes)):
        both = zip(*shared[: place + 1], strict=True)
        stable, canary = (Counts(sum(c.invocations for c in side), sum(c.errors for c in side)) for side in both)
        expected = judge(stable, canary, rule).z
        assert found.points[NOW + 60 * place] == pytest.approx(expected, rel=1e-4, abs=1e-2)


def test_what_the_alias_did_before_and_after_a_canary_does_not_count() -> None:
    alone = (Counts(900, 90), Counts(0, 0))
    canary = (Counts(90, 1), Counts(10, 5))
    whole = (Counts(0, 0), Counts(900, 300))
    rule = Rule()
    found = [round(value, 6) for value in drawn([alone, canary, whole], rule).points.values()]
    z = round(judge(*canary, rule).z, 6)
    assert found == [0.0, z, z]
