"""The metric math evaluator on values worked out by hand and on the examples of the public documentation.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from collections.abc import Sequence

import pytest

from local.cloud.metrics.math.evaluation import ExpressionError, Expressions, check_id
from local.cloud.metrics.math.syntax import MathError
from local.cloud.metrics.math.values import Series

Row = Sequence[float | None]
START = 1_767_225_600.0  # 2026-01-01 00:00 UTC, a Thursday
_: None = None


def times(count: int) -> tuple[float, ...]:
    return tuple(START + 60 * index for index in range(count))


def values(expression: str, **metrics: Row) -> list[float | None]:
    at = times(max(len(row) for row in metrics.values()))
    series = [
        Series({time: value for time, value in zip(at, row, strict=True) if value is not None}, name)
        for name, row in metrics.items()
    ]
    result = Expressions.parsed({"result": expression}, list(metrics)).evaluate(series, at)["result"]
    assert set(result.points) <= set(at)
    return [result.points.get(time) for time in at]


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


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("5 * m1", [10, 20, 30]),
        ("m1 - m2", [1, 0, 3]),
        ("-m1", [-2, -4, -6]),
        ("-5*m1", [-10, -20, -30]),
        ("0*m1 + -IF(1, 2)", [-2, -2, -2]),
        ("m1^-1", [0.5, 0.25, 1 / 6]),
    ],
)
def test_arithmetic_gives_the_value_worked_out_by_hand(expression: str, expected: Row) -> None:
    assert values(expression, m1=[2, 4, 6], m2=[1, 4, 3]) == expected


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
    assert values("m1^m1", m1=[2, 1000, 3]) == [4, _, 27]


def test_log_is_the_natural_logarithm_and_drops_what_has_none() -> None:
    assert values("LOG(m1)", m1=[1, 2.718281828459045, 0, -1, _]) == [0, 1, _, _, _]


def test_a_running_sum_is_of_all_points_up_to_each_and_has_none_where_there_is_none() -> None:
    assert values("RUNNING_SUM(m1)", m1=[1, _, 2, -4]) == [1, _, 3, -1]


def test_a_comparison_is_a_number_to_calculate_with() -> None:
    assert values("m1 + (m1 == 0)", m1=[0, 2, _]) == [1, 2, _]
    assert values("m1 * LOG(m1 + (m1 == 0))", m1=[0, 1, 2]) == [0, 0, pytest.approx(1.3862943611)]


def test_fill_fills_gaps_and_leaves_points() -> None:
    assert values("FILL(m1, 0)", m1=[_, 1, _, _, 4, _]) == [0, 1, 0, 0, 4, 0]
    assert values("FILL(m1, 100)", m1=[_, _, _]) == [100, 100, 100]


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
        ("SQRT(m1)", "Function 'SQRT' is not imitated by the local cloud: use FILL, IF, LOG, RUNNING_SUM"),
        ("sum(m1)", "Function 'sum' is not imitated by the local cloud: use FILL, IF, LOG, RUNNING_SUM"),
        ("SUM([m1])", "Function 'SUM' is not imitated by the local cloud: use FILL, IF, LOG, RUNNING_SUM"),
        (
            "SEARCH('x', 'Sum', 60)",
            "Function 'SEARCH' is not imitated by the local cloud: use FILL, IF, LOG, RUNNING_SUM",
        ),
        ("m1 + m9", "Metric or expression 'm9' not found"),
        ("m1 +", "The expression ends too early"),
        ("m1 m1", "Syntax error at 'm1'"),
        ("(m1", "Expected ')' but found the end"),
        ("m1 # 2", "Syntax error at '# 2'"),
        ("IF(1, 2)", "The result is a scalar; it must be a time series"),
        ("5", "The result is a scalar; it must be a time series"),
        ("IF(m1)", "Function 'IF' takes 2 to 3 argument(s), not 1"),
        ("m1 + 'x'", "Syntax error at \"'x'\""),
        ("[m1, m1]", "An array of time series is not imitated by the local cloud"),
        ("FILL(m1, REPEAT)", "REPEAT is not imitated by the local cloud: fill with a number"),
        ("FILL(m1, FORWARD)", "Syntax error at 'FORWARD': an id starts with a lowercase letter"),
        ("FILL(m1, m1)", "Unsupported operand type(s) for FILL: '[TS, TS]'"),
        ("LOG(2)", "Unsupported operand type(s) for LOG: '[S]'"),
        ("RUNNING_SUM(2)", "Unsupported operand type(s) for RUNNING_SUM: '[S]'"),
        ("LOG(m1, 2)", "Function 'LOG' takes 1 argument(s), not 2"),
        ("LOG10(m1)", "Function 'LOG10' is not imitated by the local cloud: use FILL, IF, LOG, RUNNING_SUM"),
        ("FILL(m1, 0, 1)", "Function 'FILL' takes 2 argument(s), not 3"),
        ("IF(m1 m1)", "Expected ')' but found 'm1'"),
        ("result + 1", "Circular reference: result -> result"),
        ("", "The expression is empty"),
        ("m1" + "+1" * 1100, "The expression has 2202 characters; at most 2048 are allowed"),
    ],
)
def test_a_wrong_expression_is_an_error_that_says_why(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        values(expression, m1=[1])
    assert str(raised.value) == f"Error in expression 'result': {reason}"


def test_deep_nesting_is_refused_rather_than_a_stack_overflow() -> None:
    with pytest.raises(ExpressionError, match="nests deeper than 100 brackets"):
        values("(" * 900 + "m1" + ")" * 900, m1=[1])
    with pytest.raises(ExpressionError, match="nests deeper than 100 brackets"):
        values("-" * 2000 + "m1", m1=[1])


def test_a_long_chain_is_not_a_deep_one() -> None:
    assert values("m1" + "+1" * 1000, m1=[1]) == [1001]


def test_expressions_may_stand_in_any_order_but_not_in_a_circle() -> None:
    parsed = Expressions.parsed({"e1": "e2 * 2", "e2": "m1 + 1"}, ["m1"])
    assert parsed.evaluate([Series({START: 1.0}, "m1")], (START,))["e1"] == Series({START: 4.0}, "m1")
    with pytest.raises(ExpressionError, match="Circular reference: e1 -> e2 -> e1"):
        Expressions.parsed({"e1": "e2", "e2": "e1"}, [])


@pytest.mark.parametrize("identifier", ["M1", "1m", "m-1", "", "m 1"])
def test_an_id_starts_with_a_small_letter(identifier: str) -> None:
    with pytest.raises(MathError, match="it must start with a lowercase letter"):
        check_id(identifier)
    check_id("m1_Errors")
