"""PutDashboard refuses a body that is not built as AWS's page says; ministack stores one that is.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.cloud.metrics.math.evaluation import Expressions
from local.cloud.metrics.math.syntax import MathError
from local.cloud.metrics.statistics import UnknownStatisticError, statistic
from local.cloud.ministack import ministack
from local.cloud.wire import ServiceError

MOST_WIDGETS, MOST_LINES, MOST_ALARMS = 500, 500, 100
"""Of a body, of a graph's metrics and expressions, and of an alarm widget:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""
_SEARCH = re.compile(r"SEARCH\('.+', *'(?P<stat>\w+)', *(?P<period>\d+)\)")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_ALARM = re.compile(r"arn:[\w-]+:cloudwatch:[\w-]*:\d{12}:alarm:.+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")

Fits = Callable[[Any], bool]


def _whole(least: int, most: int) -> Fits:
    return lambda value: type(value) is int and least <= value <= most


def _one_of(*values: Any) -> Fits:
    return lambda value: value in values


def _like(pattern: re.Pattern[str]) -> Fits:
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value))


def _a(*types: type) -> Fits:
    return lambda value: isinstance(value, types) and not (isinstance(value, bool) and bool not in types)


def _alarms(value: Any) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= MOST_ALARMS and all(map(_like(_ALARM), value))


_PERIOD: Fits = lambda value: type(value) is int and (value in {1, 5, 10, 20, 30} or (value > 0 and value % 60 == 0))  # noqa: E731
_AXIS = {"min": _a(int, float), "max": _a(int, float), "label": _a(str), "showUnits": _a(bool)}
_BODY = {"start": _a(str), "end": _a(str), "periodOverride": _one_of("auto", "inherit"), "variables": _a(list)}
_WIDGET = {"x": _whole(0, 23), "y": _whole(0, 10**9), "width": _whole(1, 24), "height": _whole(1, 1000)}
_TEXT = {"markdown": _a(str), "background": _one_of("transparent", "solid")}
_ALARMS = {
    "alarms": _alarms,
    "title": _a(str),
    "sortBy": _one_of("default", "stateUpdatedTimestamp", "timestamp"),
    "states": _a(list),
}
_METRIC = {
    "region": _a(str),
    "title": _a(str),
    "metrics": _a(list),
    "annotations": _a(dict),
    "period": _PERIOD,
    "stat": _a(str),
    "view": _one_of("timeSeries", "singleValue", "gauge", "bar", "pie", "table"),
    "yAxis": _a(dict),
    "accountId": _a(str),
    "timezone": _a(str),
    "legend": _a(dict),
    **dict.fromkeys(("stacked", "liveData", "sparkline", "trend", "setPeriodToTimeRange"), _a(bool)),
}
_LINE = {
    "id": _like(re.compile("[a-z][A-Za-z0-9_]*")),
    "label": _a(str),
    "color": _like(_COLOUR),
    "period": _PERIOD,
    "stat": _a(str),
    "visible": _a(bool),
    "yAxis": _one_of("left", "right"),
    "region": _a(str),
    "accountId": _a(str),
    "expression": _a(str),
}
_HORIZONTAL = {
    "value": _a(int, float),
    "label": _a(str),
    "color": _like(_COLOUR),
    "fill": _one_of("above", "below", "none"),
    "visible": _a(bool),
    "yAxis": _one_of("left", "right"),
}
_VERTICAL = {**_HORIZONTAL, "value": _like(_TIME), "fill": _one_of("before", "after", "none")}
_PROPERTIES = {
    "text": (_TEXT, {"markdown"}),
    "alarm": (_ALARMS, {"alarms"}),
    "metric": (_METRIC, {"region"}),
}


def put(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer PutDashboard."""
    if found := list(mistakes(request["DashboardBody"])):
        listed = "; ".join(f"{path}: {message}" for path, message in found)
        raise ServiceError("InvalidParameterInput", f"The dashboard body is invalid, {len(found)} problems: {listed}")
    ministack("services.cloudwatch").cloudformation_put_dashboard(request["DashboardName"], request["DashboardBody"])
    return {"DashboardValidationMessages": []}


def mistakes(text: str) -> Iterator[tuple[str, str]]:
    """Yield what AWS's page does not allow in a body, each with its path."""
    try:
        body = json.loads(text)
    except ValueError as problem:
        yield "/", f"it is no JSON: {problem}"
        return
    if not isinstance(body, dict) or not isinstance(body.get("widgets"), list):
        yield "/widgets", "should be an array"
        return
    yield from _fields("", body, {**_BODY, "widgets": _a(list)}, set())
    if len(body["widgets"]) > MOST_WIDGETS:
        yield "/widgets", f"has {len(body['widgets'])}, more than {MOST_WIDGETS}"
    for place, widget in enumerate(body["widgets"]):
        yield from _widget(f"/widgets/{place}", widget)


def _fields(path: str, found: Any, known: Mapping[str, Fits], needed: set[str]) -> Iterator[tuple[str, str]]:
    if not isinstance(found, dict):
        yield path, "should be an object"
        return
    for name in sorted(needed - found.keys()):
        yield f"{path}/{name}", "is required"
    for name, value in found.items():
        if name not in known:
            yield f"{path}/{name}", "is not known"
        elif not known[name](value):
            yield f"{path}/{name}", f"cannot be {value!r}"


def _widget(path: str, widget: Any) -> Iterator[tuple[str, str]]:
    known = {**_WIDGET, "type": _one_of(*_PROPERTIES), "properties": _a(dict)}
    found = list(_fields(path, widget, known, {"type", "properties"}))
    yield from found
    if found:
        return
    properties = widget["properties"]
    fields, needed = _PROPERTIES[widget["type"]]
    found = list(_fields(f"{path}/properties", properties, fields, needed))
    yield from found
    if widget["type"] == "metric" and not found:
        yield from _graph(f"{path}/properties", properties)


def _graph(path: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    lines = properties.get("metrics", [])
    annotations = properties.get("annotations", {})
    if not lines and not annotations.get("alarms"):
        yield f"{path}/metrics", "is required, unless an annotation is an alarm"
    if len(lines) > MOST_LINES:
        yield f"{path}/metrics", f"has {len(lines)}, more than {MOST_LINES}"
    for side, axis in properties.get("yAxis", {}).items():
        if side not in {"left", "right"}:
            yield f"{path}/yAxis/{side}", "is not known"
        yield from _fields(f"{path}/yAxis/{side}", axis, _AXIS, set())
    for kind, known in (("horizontal", _HORIZONTAL), ("vertical", _VERTICAL)):
        for place, each in enumerate(annotations.get(kind, [])):
            yield from _fields(f"{path}/annotations/{kind}/{place}", each, known, {"value"})
    for place, line in enumerate(lines):
        yield from _line(f"{path}/metrics/{place}", line)
    yield from _math(f"{path}/metrics", lines)


def _line(path: str, line: Any) -> Iterator[tuple[str, str]]:
    """Check a metric, ["Namespace", "Name", "Dimension", "value", ..., {options}], or an expression, [{options}]."""
    if not isinstance(line, list) or not line:
        yield path, "should be an array with a metric or an expression"
        return
    *named, options = line if isinstance(line[-1], dict) else [*line, {}]
    yield from _fields(path, options, _LINE, set())
    if ("expression" in options) == bool(named):
        yield path, "should be either a metric or an expression"
    if named and (len(named) < 2 or len(named) % 2 or not all(isinstance(each, str) for each in named)):
        yield path, "should be a namespace, a name, and pairs of a dimension and its value"
    stat = options.get("stat", "Sum")
    if found := _SEARCH.fullmatch(options.get("expression", "")):
        stat = found["stat"]
    try:
        statistic(stat)
    except UnknownStatisticError as problem:
        yield path, str(problem)


def _math(path: str, lines: list[Any]) -> Iterator[tuple[str, str]]:
    """Check the expressions of a graph: their syntax, and that each names only what the graph has."""
    options = [line[-1] for line in lines if isinstance(line, list) and line and isinstance(line[-1], dict)]
    ids = [each["id"] for each in options if "id" in each]
    for name in sorted({each for each in ids if ids.count(each) > 1}):
        yield path, f"the id {name} is used twice"
    texts = {each["id"]: each["expression"] for each in options if "id" in each and "expression" in each}
    for each in options:
        text = each.get("expression", "")
        if "id" not in each and text and not _SEARCH.fullmatch(text):
            yield path, f"the expression {text!r} needs an id"
    try:
        Expressions.parsed(texts, [name for name in ids if name not in texts])
    except MathError as problem:
        yield path, str(problem)
