"""The values of metric math, and its operators.

Between two time series a missing value reads as 0; with a scalar, only existing points count; a division by zero and
whatever has no finite value drop the point.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from local.cloud.metrics.math.syntax import MathError, Word

Points = Mapping[float, float]
"""Time of each point (seconds) -> value; missing points are left out."""


@dataclass(frozen=True)
class Series:
    """One time series; `id` and `label` are those of its metric, `period` is in seconds if it is a metric."""

    points: Points
    id: str = ""
    label: str = ""
    period: float | None = None


@dataclass(frozen=True)
class SeriesArray:
    """Several time series."""

    items: tuple[Series, ...]


Value = float | str | Word | Series | SeriesArray


@dataclass(frozen=True)
class Span:
    """The span of an evaluation: the time of every possible point, the period, and the speed of time."""

    times: tuple[float, ...]
    """Oldest first, real seconds since the epoch."""
    period: float
    """Simulated seconds between the points."""
    rate: float = 1.0
    """Simulated seconds per real second."""
    metrics: tuple[Series, ...] = field(default=())
    """The metrics of the request, in its order, which METRICS() returns."""


def kind(value: Value) -> str:
    """Return the type's name in the documentation's words."""
    return {float: "S", str: "string", Word: "word", Series: "TS", SeriesArray: "TS[]"}[type(value)]


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
    if isinstance(left, SeriesArray) or isinstance(right, SeriesArray):
        return _arrays(sign, left, right)
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


def _arrays(sign: str, left: Value, right: Value) -> SeriesArray:
    if isinstance(left, SeriesArray) and isinstance(right, SeriesArray):
        if len(left.items) != len(right.items):
            raise MathError(
                f"Unsupported operand type(s) for {sign}: "
                f"arrays of {len(left.items)} and {len(right.items)} time series"
            )
        pairs: list[tuple[Value, Value]] = list(zip(left.items, right.items, strict=True))
    elif isinstance(left, SeriesArray):
        pairs = [(item, right) for item in left.items]
    else:
        assert isinstance(right, SeriesArray)  # noqa: S101 (narrowing: the caller has one array at least)
        pairs = [(left, item) for item in right.items]
    results = [combined(sign, one, other) for one, other in pairs]
    return SeriesArray(tuple(item for item in results if isinstance(item, Series)))


def negated(value: Value) -> Value:
    """Return the negated value."""
    if isinstance(value, float):
        return -value
    if isinstance(value, Series):
        return Series(mapped(operator.neg, value.points), value.id, value.label)
    if isinstance(value, SeriesArray):
        return SeriesArray(tuple(Series(mapped(operator.neg, s.points), s.id, s.label) for s in value.items))
    raise MathError(f"Unsupported operand type(s) for unary -: '{kind(value)}'")
