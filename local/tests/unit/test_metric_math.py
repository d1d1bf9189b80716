"""The metric math evaluator on values worked out by hand and on the examples of the public documentation.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
from collections.abc import Mapping, Sequence

import pytest

from local.cloud.metrics.math.evaluation import ExpressionError, Expressions, check_id
from local.cloud.metrics.math.syntax import MathError
from local.cloud.metrics.math.values import Series, SeriesArray, Span

Row = Sequence[float | None]
START = 1_767_225_600.0  # 2026-01-01 00:00 UTC, a Thursday
_: None = None


def times(count: int) -> tuple[float, ...]:
    return tuple(START + 60 * index for index in range(count))


def row(result: Series | SeriesArray, count: int) -> list[float | None]:
    assert isinstance(result, Series)
    assert set(result.points) <= set(times(count))
    return [result.points.get(at) for at in times(count)]


def evaluate(expression: str, metrics: Mapping[str, Row], rate: float = 1.0) -> Series | SeriesArray:
    count = max((len(values) for values in metrics.values()), default=3)
    series = [
        Series(
            {at: value for at, value in zip(times(count), values, strict=True) if value is not None}, name, name, 60.0
        )
        for name, values in metrics.items()
    ]
    parsed = Expressions.parsed({"result": expression}, list(metrics))
    return parsed.evaluate(series, Span(times(count), 60.0, rate))["result"]


def values(expression: str, **metrics: Row) -> list[float | None]:
    count = max((len(row_values) for row_values in metrics.values()), default=3)
    return row(evaluate(expression, metrics), count)


# The documentation's tables


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(metric1 < metric2)", [0, 0, 1, 0]),
        ("(metric1 >= 30)", [1, 0, 0, 0]),
        ("(metric1 > 15 AND metric2 > 15)", [1, 0, 0, 0]),
        ("metric1 > 15 && metric2 > 15", [1, 0, 0, 0]),
    ],
)
def test_comparisons_give_what_the_documentation_lists(expression: str, expected: Row) -> None:
    assert values(expression, metric1=[30, 20, 0, 0], metric2=[20, _, 20, _]) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1, metric2, metric3)", [30, 0, 20, _, _]),
        ("IF(metric1, 5, metric3)", [5, 5, 20, _, _]),
        ("IF(metric1, metric2, 5)", [30, 0, 5, 5, _]),
        ("IF(metric1, metric2)", [30, 0, _, _, _]),
        ("IF(metric1, 5)", [5, 5, _, _, _]),
        ("IF(1, metric2, metric3)", [30, _, 0, 0, 30]),
        ("IF(0, metric2, metric3)", [0, 0, 20, _, 20]),
        ("IF(0, metric2)", [_, _, _, _, _]),
    ],
)
def test_if_gives_what_the_documentation_lists(expression: str, expected: Row) -> None:
    rows: dict[str, Row] = {"metric1": [1, 1, 0, 0, _], "metric2": [30, _, 0, 0, 30], "metric3": [0, 0, 20, _, 20]}
    assert values(expression, **rows) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1<400, metric1)", [100, _, 399]),
        ("IF(metric1<400, 10, 2)", [10, 2, 10]),
        ("IF(latency>threshold, 1, 0)", [1, 0, 0]),
    ],
)
def test_the_use_cases_of_if_hold(expression: str, expected: Row) -> None:
    rows: dict[str, Row] = {"metric1": [100, 400, 399], "latency": [3, 2, 1], "threshold": [2, 2, 2]}
    assert values(expression, **rows) == expected


DOCUMENTED: dict[str, Row] = {
    "PERIOD(m1)/60 * m1": [2, 4, 6],
    "5 * m1": [10, 20, 30],
    "m1 - m2": [1, 0, 3],
    "SUM(100/[m1, m2])": [50 + 100, 25 + 25, 100 / 6 + 100 / 3],
    "AVG([m1,m2]/m3)": [1.5 / 2, 4 / 2, 4.5 / 2],
    "-5*m1": [-10, -20, -30],
    "-m1": [-2, -4, -6],
    "SUM(-[m1, m2])": [-3, -8, -9],
    "ABS(m2-m1)": [1, 0, 3],
    "MIN(ABS([m1, m2]))": [1, 4, 3],
    "SUM([m1,m2])/AVG(m2)": [3 / (8 / 3), 8 / (8 / 3), 9 / (8 / 3)],
    "SUM(CEIL(METRICS()))": [5, 10, 11],
    "SUM(m1) / DATAPOINT_COUNT(m1) + 0*m1": [4, 4, 4],
    "DIFF(m1)": [_, 2, 2],
    "FILL(m1, MIN(m1))": [2, 4, 6],
    "IF(FIRST(SORT(METRICS(), AVG, DESC))>3, 1, 0)": [0, 1, 1],
    "MAX(m1)/m1": [3, 1.5, 1],
    "MAX(METRICS())": [2, 4, 6],
    "m1/METRIC_COUNT(METRICS())": [2 / 3, 4 / 3, 2],
    "m1-MIN(m1)": [0, 2, 4],
    "m1/PERIOD(m1)": [2 / 60, 4 / 60, 6 / 60],
    "RATE(m1)": [_, 2 / 60, 2 / 60],
    "SUM(SLICE(SORT(METRICS(), SUM, DESC), 0, 1))": [2, 4, 6],
    "SUM(SLICE(SORT(METRICS(), AVG, ASC), 1))": [3, 8, 9],
    "m1/STDDEV(m1)": [2 / math.sqrt(8 / 3), 4 / math.sqrt(8 / 3), 6 / math.sqrt(8 / 3)],
    "SUM(METRICS())/SUM(m1)": [5 / 12, 10 / 12, 11 / 12],
    "TIME_SERIES(MAX(m1))": [6, 6, 6],
    "TIME_SERIES(5*AVG(m1))": [20, 20, 20],
    "TIME_SERIES(10)": [10, 10, 10],
    "RUNNING_SUM(m1)": [2, 6, 12],
    "IF(DAY(m1)<6,m1)": [2, 4, 6],
    "IF(MONTH(m1) == 4,m1)": [_, _, _],
    "MINUTE(m1)": [0, 1, 2],
    "DAY(m1)*1": [4, 4, 4],
    "HOUR(m1) + DATE(m1) + MONTH(m1) + YEAR(m1)": [2028, 2028, 2028],
    "EPOCH(m1) - EPOCH(m1)": [0, 0, 0],
    "LOG10(10^m1)": [2, 4, 6],
}


@pytest.mark.parametrize("expression", DOCUMENTED)
def test_each_documented_example_gives_the_value_worked_out_by_hand(expression: str) -> None:
    expected = DOCUMENTED[expression]
    got = values(expression, m1=[2, 4, 6], m2=[1, 4, 3], m3=[2, 2, 2])
    assert [value is None for value in got] == [value is None for value in expected]
    assert [value for value in got if value is not None] == pytest.approx([v for v in expected if v is not None])


def test_metrics_chooses_by_a_part_of_the_id() -> None:
    rows: dict[str, Row] = {"errors_4xx": [1, 2], "errors_5xx": [3, 4], "requests": [100, 200]}
    assert values('SUM(METRICS("errors"))/SUM(METRICS("requests"))*100', **rows) == pytest.approx([4, 3])
    assert values('SUM([METRICS("4xx"), METRICS("5xx")])', **rows) == [4, 6]
    assert values("SUM([METRICS(“4xx”), METRICS(“5xx”)])", **rows) == [4, 6]


def test_metrics_leaves_expressions_out() -> None:
    parsed = Expressions.parsed({"e1": "m1*100", "e2": "SUM(METRICS())"}, ["m1"])
    series = [Series({START: 2.0}, "m1")]
    assert parsed.evaluate(series, Span((START,), 60.0))["e2"] == Series({START: 2.0})


# Missing values and divisions


def test_a_missing_operand_between_two_series_reads_as_zero() -> None:
    assert values("m1 + m2", m1=[1, _, _], m2=[_, 2, _]) == [1, 2, _]
    assert values("m1 - m2", m1=[1, _, _], m2=[_, 2, _]) == [1, -2, _]


def test_a_scalar_fills_nothing_in() -> None:
    assert values("m1 + 10", m1=[1, _, 3]) == [11, _, 13]
    assert values("10 - m1", m1=[1, _, 3]) == [9, _, 7]


def test_a_division_by_zero_drops_the_point_and_only_it() -> None:
    assert values("m1/m2", m1=[6, 6, 6], m2=[3, 0, 2]) == [2, _, 3]
    assert values("m1/m2", m1=[6, 6, 6], m2=[3, _, 2]) == [2, _, 3]
    assert values("1/(m1-2)", m1=[1, 2, 3]) == [-1, _, 1]


def test_what_has_no_finite_real_value_is_dropped() -> None:
    assert values("m1^0.5", m1=[4, -4, 9]) == [2, _, 3]
    assert values("LOG(m1)", m1=[1, 0, -1]) == [0, _, _]
    assert values("m1^m1", m1=[2, 1000, 3]) == [4, _, 27]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FILL(m1, 0)", [0, 1, 0, 0, 4, 0]),
        ("FILL(m1, REPEAT)", [_, 1, 1, 1, 4, 4]),
        ("FILL(m1, LINEAR)", [_, 1, 2, 3, 4, _]),
        ("FILL(m1, m2)", [9, 1, _, 9, 4, 9]),
        ("SUM(FILL(METRICS(), 0))", [9, 10, 0, 9, 13, 9]),
    ],
)
def test_fill_fills_gaps_and_leaves_points(expression: str, expected: Row) -> None:
    assert values(expression, m1=[_, 1, _, _, 4, _], m2=[9, 9, _, 9, 9, 9]) == expected


def test_fill_gives_a_wholly_empty_series_every_point() -> None:
    assert values("FILL(m1, 0)", m1=[_, _, _]) == [0, 0, 0]


def test_the_average_of_an_array_counts_missing_values_as_zero() -> None:
    assert values("AVG([m1, m2])", m1=[4, _], m2=[2, 2]) == [3, 1]
    assert values("MIN([m1, m2])", m1=[4, _], m2=[5, 2]) == [4, 2]
    assert values("DATAPOINT_COUNT([m1, m2])", m1=[4, _], m2=[2, 2]) == [2, 1]


def test_rates_are_per_simulated_second() -> None:
    assert row(evaluate("RATE(m1)", {"m1": [0, 240, 480]}, rate=40.0), 3) == pytest.approx([_, 0.1, 0.1])
    assert row(evaluate("DIFF_TIME(m1)", {"m1": [0, _, 480]}, rate=40.0), 3) == [_, _, 4800]


# Precedence


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1+m2*m2", 2 + 9),
        ("(m1+m2)*m2", 15),
        ("m1*m2^m1", 2 * 9),
        ("-m1^2", -4),
        ("m1^-1", 0.5),
        ("m2^m1^m1", 3**4),
        ("m1-m2-m2", -4),
        ("m2/m1/m1", 0.75),
        ("m1 + 1 == m2", 1),
        ("m1 > m2 OR m2 > m1", 1),
        ("m1 > m2 || m1 == m2", 0),
        ("0*m1 OR m1 AND 0*m1", 0),
        ("m1 == 2 OR m1 == 3 AND m1 == 4", 1),
        ("m1 != m2", 1),
        ("1e2*m1 + .5", 200.5),
    ],
)
def test_operators_bind_as_in_arithmetic(expression: str, expected: float) -> None:
    assert values(expression, m1=[2], m2=[3]) == [expected]


# Errors


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("SQRT(m1)", "Function 'SQRT' not found"),
        ("sum(m1)", "Function 'sum' not found"),
        ("ANOMALY_DETECTION_BAND(m1)", "Function 'ANOMALY_DETECTION_BAND' is not imitated by the local cloud"),
        ("SEARCH('x', 'Sum', 60)", "Function 'SEARCH' is not imitated by the local cloud"),
        ("m1 + m9", "Metric or expression 'm9' not found"),
        ("m1 +", "The expression ends too early"),
        ("m1 m1", "Syntax error at 'm1'"),
        ("(m1", "Expected ')' but found the end"),
        ("m1 # 2", "Syntax error at '# 2'"),
        ("AVG(m1)", "The result is a scalar; it must be a time series"),
        ("5", "The result is a scalar; it must be a time series"),
        ("ABS(5)*m1", "Unsupported operand type(s) for ABS: '[S]'"),
        ("IF(m1)", "Function 'IF' takes 2 to 3 argument(s), not 1"),
        ("m1 + 'x'", "Unsupported operand type(s) for +: '[TS, string]'"),
        ("FILL(m1, FORWARD)", "FILL fills with a scalar, a time series, REPEAT or LINEAR, not with word"),
        ("PERIOD(m1*2)*m1", "PERIOD takes a metric, not the result of an expression"),
        ("result + 1", "Circular reference: result -> result"),
        ("", "The expression is empty"),
        ("m1" + "+1" * 1100, "The expression has 2202 characters; at most 2048 are allowed"),
    ],
)
def test_a_wrong_expression_is_an_error_that_says_why(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate(expression, {"m1": [1]})
    assert str(raised.value) == f"Error in expression 'result': {reason}"


def test_deep_nesting_is_refused_rather_than_a_stack_overflow() -> None:
    with pytest.raises(ExpressionError, match="nests deeper than 100 brackets"):
        evaluate("(" * 900 + "m1" + ")" * 900, {"m1": [1]})
    with pytest.raises(ExpressionError, match="nests deeper than 100 brackets"):
        evaluate("-" * 2000 + "m1", {"m1": [1]})


def test_a_long_chain_is_not_a_deep_one() -> None:
    assert values("m1" + "+1" * 1000, m1=[1]) == [1001]


def test_expressions_may_stand_in_any_order_but_not_in_a_circle() -> None:
    parsed = Expressions.parsed({"e1": "e2 * 2", "e2": "m1 + 1"}, ["m1"])
    assert parsed.evaluate([Series({START: 1.0}, "m1")], Span((START,), 60.0))["e1"] == Series({START: 4.0}, "m1")
    with pytest.raises(ExpressionError, match="Circular reference: e1 -> e2 -> e1"):
        Expressions.parsed({"e1": "e2", "e2": "e1"}, [])


@pytest.mark.parametrize("identifier", ["M1", "1m", "m-1", "", "m 1"])
def test_an_id_starts_with_a_small_letter(identifier: str) -> None:
    with pytest.raises(MathError, match="it must start with a lowercase letter"):
        check_id(identifier)
    check_id("m1_Errors")
