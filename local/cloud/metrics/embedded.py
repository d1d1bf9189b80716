"""Reads the metrics of log events in the embedded metric format, as CloudWatch Logs does.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_LARGEST = 1024**2  # bytes of an event
_MOST_METRICS = 100  # of a directive, and values of a metric
_MOST_KEYS = 30
_LONGEST = {"Namespace": 1024, "Name": 1024, "key": 250, "value": 1024}
_AMOUNTS = [
    "Count",
    "Bytes",
    "Bits",
    *(f"{size}{of}" for size in ("Kilo", "Mega", "Giga", "Tera") for of in ("bytes", "bits")),
]
UNITS = {
    "None",
    "Percent",
    "Seconds",
    "Microseconds",
    "Milliseconds",
    *_AMOUNTS,
    *(f"{each}/Second" for each in _AMOUNTS),
}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html"""


class EmbeddedError(ValueError):
    """An event that says that it holds metrics, and does not hold what the specification asks for."""


def requests(message: str) -> list[dict[str, Any]]:
    """Return the metrics of a log event as requests of PutMetricData; none of an event without metadata of metrics.

    Raises EmbeddedError for an event that has such metadata, and of which anything is wrong.
    """
    if (document := _document(message)) is None:
        return []
    metadata = document["_aws"]
    at = metadata.get("Timestamp")
    if isinstance(at, bool) or not isinstance(at, int):
        raise EmbeddedError(f"Timestamp is {at!r}, not milliseconds since the epoch")
    directives = _listed(metadata["CloudWatchMetrics"], "CloudWatchMetrics")
    return [
        {"Namespace": _text(each, "Namespace"), "MetricData": list(_data(document, each, at / 1000))}
        for each in directives
    ]


def _document(message: str) -> Mapping[str, Any] | None:
    """Return an event's document; None of one that is no JSON object, is too large, or has no metadata of metrics."""
    if not message.startswith("{") or '"_aws"' not in message or len(message) > _LARGEST:
        return None
    try:
        document = json.loads(message)
    except ValueError:
        return None
    metadata = document.get("_aws")
    return document if isinstance(metadata, dict) and "CloudWatchMetrics" in metadata else None


def _data(document: Mapping[str, Any], directive: Mapping[str, Any], at: float) -> Iterator[dict[str, Any]]:
    sets = [_dimensions(document, keys) for keys in _listed(directive.get("Dimensions"), "Dimensions")]
    metrics = _listed(directive.get("Metrics"), "Metrics")
    if len(metrics) > _MOST_METRICS:
        raise EmbeddedError(f"{len(metrics)} metrics in one directive: it must have {_MOST_METRICS} at most")
    for metric in metrics:
        datum = _datum(document, metric)
        for dimensions in sets:
            yield {**datum, "Dimensions": dimensions, "Timestamp": at}


def _datum(document: Mapping[str, Any], metric: Mapping[str, Any]) -> dict[str, Any]:
    name, unit = _text(metric, "Name"), metric.get("Unit", "None")
    if unit not in UNITS:
        raise EmbeddedError(f"Unit is {unit!r}, which CloudWatch does not know")
    value = document.get(name)
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= _MOST_METRICS or not all(_is_number(each) for each in values):
        raise EmbeddedError(f"{name} is {value!r}: it must be a number, or at most {_MOST_METRICS} of them")
    resolution = metric.get("StorageResolution", 60)
    return {"MetricName": name, "Unit": unit, "Values": values, "StorageResolution": resolution}


def _dimensions(document: Mapping[str, Any], keys: object) -> list[dict[str, str]]:
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise EmbeddedError(f"a set of dimensions is {keys!r}: it must be a list of {_MOST_KEYS} keys at most")
    found = []
    for key in keys:
        value = document.get(key) if isinstance(key, str) and 1 <= len(key) <= _LONGEST["key"] else None
        if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST["value"]:
            raise EmbeddedError(f"the dimension {key!r} is {value!r}: it must be a text on the root")
        found.append({"Name": key, "Value": value})
    return found


def _listed(value: object, name: str) -> Sequence[Any]:
    if not isinstance(value, list) or not all(isinstance(each, dict | list) for each in value):
        raise EmbeddedError(f"{name} is {value!r}: it must be a list")
    return value


def _text(holder: object, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST[name]:
        raise EmbeddedError(f"{name} is {value!r}: it must be a text of at most {_LONGEST[name]} characters")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
