"""The functions of metric math. An unknown function is an error, and so is one that the local cloud does not
imitate."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from local.cloud.metrics.math.syntax import MathError, Word
from local.cloud.metrics.math.values import Points, Series, SeriesArray, Span, Value, finite, kind, mapped

NOT_IMITATED = frozenset(
    {"ANOMALY_DETECTION_BAND", "DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA", "SEARCH", "SERVICE_QUOTA"}
)


class Function(NamedTuple):
    """A function and its number of arguments."""

    least: int
    most: int
    apply: Callable[..., Value]


def apply(name: str, arguments: list[Value], span: Span) -> Value:
    """Return the value of NAME(arguments). Raises MathError."""
    if name in NOT_IMITATED:
        raise MathError(f"Function '{name}' is not imitated by the local cloud")
    function = FUNCTIONS.get(name)
    if function is None:
        raise MathError(f"Function '{name}' not found")
    if not function.least <= len(arguments) <= function.most:
        expected = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        raise MathError(f"Function '{name}' takes {expected} argument(s), not {len(arguments)}")
    return function.apply(span, *arguments)


def _refused(name: str, *values: Value) -> MathError:
    return MathError(f"Unsupported operand type(s) for {name}: '[{', '.join(kind(value) for value in values)}]'")


def _each(name: str, function: Callable[[Span, Points], Points]) -> Function:
    """Return a function that is applied to each time series by itself."""

    def apply_each(span: Span, value: Value) -> Value:
        if isinstance(value, Series):
            return Series(function(span, value.points), value.id, value.label)
        if isinstance(value, SeriesArray):
            return SeriesArray(tuple(Series(function(span, s.points), s.id, s.label) for s in value.items))
        raise _refused(name, value)

    return Function(1, 1, apply_each)


def _pointwise(name: str, function: Callable[[float], float]) -> Function:
    return _each(name, lambda _, points: mapped(function, points))


def _summary(name: str, function: Callable[[list[float]], float], *, missing_is_zero: bool = False) -> Function:
    """Return a function with a scalar result for one time series; for several, a time series of the values at each
    time."""

    def apply_summary(_: Span, value: Value) -> Value:
        if isinstance(value, Series):
            return _summarised(function, list(value.points.values()))
        if not isinstance(value, SeriesArray):
            raise _refused(name, value)
        points = {}
        for at in sorted({at for series in value.items for at in series.points}):
            present = [series.points[at] for series in value.items if at in series.points]
            zeros = [0.0] * (len(value.items) - len(present)) if missing_is_zero else []
            points[at] = _summarised(function, present + zeros)
        return Series(finite(points.items()))

    return Function(1, 1, apply_summary)


def _summarised(function: Callable[[list[float]], float], values: list[float]) -> float:
    return float(function(values)) if values else math.nan


def _deviation(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def _sum_of_nothing_is_zero(function: Function) -> Function:
    def apply_sum(span: Span, value: Value) -> Value:
        result = function.apply(span, value)
        return 0.0 if isinstance(result, float) and math.isnan(result) else result

    return Function(function.least, function.most, apply_sum)


def _steps(function: Callable[[Span, float, float, float], float]) -> Callable[[Span, Points], Points]:
    """Apply `function` to each point and its predecessor, as (span, change, real seconds between, value)."""

    def apply_steps(span: Span, points: Points) -> Points:
        times = sorted(points)
        return finite(
            (at, function(span, points[at] - points[before], at - before, points[at])) for before, at in pairwise(times)
        )

    return apply_steps


def _running_sum(_: Span, points: Points) -> Points:
    total, sums = 0.0, {}
    for at in sorted(points):
        total += points[at]
        sums[at] = total
    return sums


def _of_time(read: Callable[[datetime], float]) -> Function:
    """Return a function whose value at every time of the span is computed from the time itself (UTC)."""

    def apply_time(span: Span, value: Value) -> Value:
        if not isinstance(value, Series):
            raise _refused("a function of time", value)
        return Series({at: float(read(datetime.fromtimestamp(at, UTC))) for at in span.times}, value.id, value.label)

    return Function(1, 1, apply_time)


def _fill(span: Span, value: Value, filler: Value) -> Value:
    if isinstance(value, SeriesArray):
        return SeriesArray(tuple(Series(_filled(span, s.points, filler), s.id, s.label) for s in value.items))
    if isinstance(value, Series):
        return Series(_filled(span, value.points, filler), value.id, value.label)
    raise _refused("FILL", value, filler)


def _filled(span: Span, points: Points, filler: Value) -> Points:
    if isinstance(filler, float):
        return finite((at, points.get(at, filler)) for at in span.times)
    if isinstance(filler, Series):
        return finite((at, points.get(at, filler.points.get(at))) for at in span.times)
    if filler == Word("REPEAT"):
        last: float | None = None
        repeated: dict[float, float | None] = {}
        for at in span.times:
            last = points.get(at, last)
            repeated[at] = last
        return finite(repeated.items())
    if filler == Word("LINEAR"):
        return finite((at, _between(points, at)) for at in span.times)
    raise MathError(f"FILL fills with a scalar, a time series, REPEAT or LINEAR, not with {kind(filler)}")


def _between(points: Points, at: float) -> float | None:
    if at in points:
        return points[at]
    before = max((time for time in points if time < at), default=None)
    after = min((time for time in points if time > at), default=None)
    if before is None or after is None:
        return None
    return points[before] + (points[after] - points[before]) * (at - before) / (after - before)


def _if(_: Span, condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    if not isinstance(then, float | Series) or not isinstance(otherwise, float | Series | None):
        raise _refused("IF", condition, then, *(() if otherwise is None else (otherwise,)))
    if isinstance(condition, float):
        chosen = then if condition else otherwise
        return Series({}) if chosen is None else chosen
    if not isinstance(condition, Series):
        raise _refused("IF", condition, then)
    points: dict[float, float | None] = {}
    for at, truth in condition.points.items():
        if truth:
            points[at] = then.points.get(at, 0.0) if isinstance(then, Series) else then
        else:
            points[at] = otherwise.points.get(at) if isinstance(otherwise, Series) else otherwise
    return Series(finite(points.items()), condition.id, condition.label)


def _metrics(span: Span, part: Value = "") -> Value:
    if not isinstance(part, str):
        raise _refused("METRICS", part)
    return SeriesArray(tuple(series for series in span.metrics if part in series.id))


def _period(_: Span, value: Value) -> Value:
    if not isinstance(value, Series) or value.period is None:
        raise MathError("PERIOD takes a metric, not the result of an expression")
    return float(value.period)


def _time_series(span: Span, value: Value) -> Value:
    if not isinstance(value, float):
        raise _refused("TIME_SERIES", value)
    return Series(finite((at, value) for at in span.times))


def _count(_: Span, value: Value) -> Value:
    if not isinstance(value, SeriesArray):
        raise _refused("METRIC_COUNT", value)
    return float(len(value.items))


def _items(name: str, value: Value) -> tuple[Series, ...]:
    if not isinstance(value, SeriesArray):
        raise _refused(name, value)
    return value.items


def _one_of(name: str, index: int) -> Function:
    def apply_one(_: Span, value: Value) -> Value:
        items = _items(name, value)
        return items[index] if items else Series({})

    return Function(1, 1, apply_one)


def _slice(_: Span, value: Value, start: Value, end: Value = math.inf) -> Value:
    if not isinstance(start, float) or not isinstance(end, float):
        raise _refused("SLICE", value, start, end)
    items = _items("SLICE", value)
    return SeriesArray(items[int(start) : len(items) if math.isinf(end) else int(end)])


def _sort(span: Span, value: Value, function: Value, order: Value, limit: Value = math.inf) -> Value:
    words = {Word(word) for word in ("AVG", "MIN", "MAX", "SUM")}
    if function not in words or order not in {Word("ASC"), Word("DESC")} or not isinstance(limit, float):
        raise MathError("SORT takes an array, one of AVG, MIN, MAX, SUM, then ASC or DESC, and perhaps a limit")
    assert isinstance(function, Word)  # noqa: S101 (narrowing)

    def key(series: Series) -> float:
        result = FUNCTIONS[function.value].apply(span, series)
        return result if isinstance(result, float) and not math.isnan(result) else -math.inf

    items = sorted(_items("SORT", value), key=key, reverse=order == Word("DESC"))
    return SeriesArray(tuple(items if math.isinf(limit) else items[: int(limit)]))


FUNCTIONS: dict[str, Function] = {
    "ABS": _pointwise("ABS", abs),
    "CEIL": _pointwise("CEIL", math.ceil),
    "FLOOR": _pointwise("FLOOR", math.floor),
    "LOG": _pointwise("LOG", math.log),
    "LOG10": _pointwise("LOG10", math.log10),
    "SUM": _sum_of_nothing_is_zero(_summary("SUM", math.fsum)),
    "AVG": _summary("AVG", lambda values: math.fsum(values) / len(values), missing_is_zero=True),
    "MIN": _summary("MIN", min),
    "MAX": _summary("MAX", max),
    "STDDEV": _summary("STDDEV", _deviation),
    "DATAPOINT_COUNT": _sum_of_nothing_is_zero(_summary("DATAPOINT_COUNT", len)),
    "DIFF": _each("DIFF", _steps(lambda _, change, __, ___: change)),
    "DIFF_TIME": _each("DIFF_TIME", _steps(lambda span, _, seconds, __: seconds * span.rate)),
    "RATE": _each("RATE", _steps(lambda span, change, seconds, _: change / (seconds * span.rate))),
    "RUNNING_SUM": _each("RUNNING_SUM", _running_sum),
    "MINUTE": _of_time(lambda at: at.minute),
    "HOUR": _of_time(lambda at: at.hour),
    "DAY": _of_time(lambda at: at.isoweekday()),
    "DATE": _of_time(lambda at: at.day),
    "MONTH": _of_time(lambda at: at.month),
    "YEAR": _of_time(lambda at: at.year),
    "EPOCH": _of_time(lambda at: at.timestamp()),
    "FILL": Function(2, 2, _fill),
    "IF": Function(2, 3, _if),
    "METRICS": Function(0, 1, _metrics),
    "METRIC_COUNT": Function(1, 1, _count),
    "PERIOD": Function(1, 1, _period),
    "TIME_SERIES": Function(1, 1, _time_series),
    "FIRST": _one_of("FIRST", 0),
    "LAST": _one_of("LAST", -1),
    "SLICE": Function(2, 3, _slice),
    "SORT": Function(3, 4, _sort),
    "REMOVE_EMPTY": Function(
        1, 1, lambda _, value: SeriesArray(tuple(s for s in _items("REMOVE_EMPTY", value) if s.points))
    ),
}
