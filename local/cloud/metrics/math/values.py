"""The values of metric math, and its operators.

Between two time series a missing value reads as 0; with a scalar, only existing points count; a division by zero and
whatever has no finite value drop the point.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from local.cloud.metrics.math.syntax import MathError

Points = Mapping[float, float]
"""Time of each point (seconds) -> value; missing points are left out."""


@dataclass(frozen=True)
class Series:
    """One time series; `id` and `label` are those of its metric."""

    points: Points
    id: str = ""
    label: str = ""


Value = float | Series


Times = Sequence[float]
"""The time of every possible point of an evaluation: oldest first, real seconds since the epoch."""


def kind(value: Value) -> str:
    """Return the type's name in the documentation's words."""
    return "TS" if isinstance(value, Series) else "S"


def mapped(function: Callable[[float], float], points: Points) -> dict[float, float]:
    """Apply `function` to every point; drop those without a finite value."""
    return finite((at, _applied(function, value)) for at, value in points.items())


def finite(pairs: Iterable[tuple[float, float | None]]) -> dict[float, float]:
    """Return the points that have a finite value."""
    return {at: value for at, value in pairs if value is not None and math.isfinite(value)}


def _applied(function: Callable[..., object], *arguments: float) -> float | None:
    try:
        result = function(*arguments)
        return float(result) if isinstance(result, int | float) else None
    except (ArithmeticError, ValueError):
        return None


OPERATORS: dict[str, Callable[[float, float], object]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "AND": lambda a, b: bool(a) and bool(b),
    "OR": lambda a, b: bool(a) or bool(b),
}


def combined(sign: str, left: Value, right: Value) -> Value:
    """Return `left sign right` for scalars, series and arrays. Raises MathError."""
    function = OPERATORS[sign]
    if isinstance(left, float) and isinstance(right, float):
        result = _applied(function, left, right)
        return math.nan if result is None else result
    if isinstance(left, Series) and isinstance(right, float):
        scalar = right
        return Series(mapped(lambda value: function(value, scalar), left.points), left.id, left.label)  # type: ignore[arg-type,return-value]
    if isinstance(left, float) and isinstance(right, Series):
        first = left
        return Series(mapped(lambda value: function(first, value), right.points), right.id, right.label)  # type: ignore[arg-type,return-value]
    if isinstance(left, Series) and isinstance(right, Series):
        times = sorted({*left.points, *right.points})
        points = finite((at, _applied(function, left.points.get(at, 0.0), right.points.get(at, 0.0))) for at in times)
        return Series(points, left.id or right.id, left.label or right.label)
    raise MathError(f"Unsupported operand type(s) for {sign}: '[{kind(left)}, {kind(right)}]'")


def negated(value: Value) -> Value:
    """Return the negated value."""
    if isinstance(value, float):
        return -value
    return Series(mapped(operator.neg, value.points), value.id, value.label)
