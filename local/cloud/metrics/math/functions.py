"""The functions of metric math that alarms and dashboards are written with here: FILL with a number, IF, LOG and
RUNNING_SUM."""

import itertools
import math
from collections.abc import Callable, Mapping

from local.cloud.metrics.math.syntax import MathError
from local.cloud.metrics.math.values import Series, Times, Value, finite, kind, mapped


def _fill(times: Times, value: Value, filler: Value) -> Value:
    if not isinstance(value, Series) or not isinstance(filler, float):
        raise MathError(f"Unsupported operand type(s) for FILL: '[{kind(value)}, {kind(filler)}]'")
    return Series(finite((at, value.points.get(at, filler)) for at in times), value.id, value.label)


def _if(_: Times, condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    if isinstance(condition, float):
        chosen = then if condition else otherwise
        return Series({}) if chosen is None else chosen
    points: dict[float, float | None] = {}
    for at, truth in condition.points.items():
        if truth:
            points[at] = then.points.get(at, 0.0) if isinstance(then, Series) else then
        else:
            points[at] = otherwise.points.get(at) if isinstance(otherwise, Series) else otherwise
    return Series(finite(points.items()), condition.id, condition.label)


def _log(_: Times, value: Value) -> Value:
    """The natural logarithm of each point; a point that has none is dropped."""
    if not isinstance(value, Series):
        raise MathError(f"Unsupported operand type(s) for LOG: '[{kind(value)}]'")
    return Series(mapped(math.log, value.points), value.id, value.label)


def _running_sum(_: Times, value: Value) -> Value:
    """The sum of all points up to each."""
    if not isinstance(value, Series):
        raise MathError(f"Unsupported operand type(s) for RUNNING_SUM: '[{kind(value)}]'")
    times = sorted(value.points)
    sums = itertools.accumulate(value.points[at] for at in times)
    return Series(finite(zip(times, sums, strict=True)), value.id, value.label)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {"FILL": _fill, "IF": _if, "LOG": _log, "RUNNING_SUM": _running_sum}
"""By name: from the times of an evaluation and the arguments to the value. The parser knows how many they take."""
