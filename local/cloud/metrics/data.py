"""Records a PutMetricData request, all or nothing.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.metrics.queries import dimensions
from local.cloud.metrics.statistics import Bucket
from local.cloud.metrics.store import STORE, Metric, metric
from local.cloud.wire import ServiceError

_TWO_WEEKS = 14 * 24 * 3600
_TWO_HOURS = 2 * 3600
_MOST_DATA = 1000
_MOST_VALUES = 150
_LARGEST = 2.0**360
_RESOLUTIONS = (1, 60)


def put(request: Mapping[str, Any], account: str, region: str) -> None:
    """Record a PutMetricData request. Raises ServiceError, before anything is recorded."""
    if "EntityMetricData" in request:
        raise _invalid("EntityMetricData is not imitated by the local cloud")
    data, namespace = request.get("MetricData", []), request["Namespace"]
    _check_size("MetricData", data, _MOST_DATA)
    checked = []
    for index, datum in enumerate(data, 1):
        where = f"MetricData.member.{index}"
        key = _metric((account, region, namespace), datum, where)
        fine = datum.get("StorageResolution") == 1
        checked.append((key, _bucket(datum, where), datum.get("Unit", "None"), _time(datum, where), fine))
    for key, bucket, unit, at, fine in checked:
        STORE.record_set(key, bucket, unit, at, fine=fine)


def check_number(value: float, where: str) -> None:
    """Raise InvalidParameterValue unless the value is a finite number from -2^360 to 2^360."""
    if not (math.isfinite(value) and -_LARGEST <= value <= _LARGEST):
        shown = "NaN" if math.isnan(value) else f"{value:g}"
        raise _invalid(f"The value {shown} for parameter {where} is invalid.")


def _metric(home: tuple[str, str, str], datum: Mapping[str, Any], where: str) -> Metric:
    listed = datum.get("Dimensions", [])
    for index, item in enumerate(listed, 1):
        name, value = item["Name"], item["Value"]
        for member, text in (("Name", name), ("Value", value)):
            plain = text.isascii() and text.isprintable() and text.strip()
            if not plain or (member == "Name" and text.startswith(":")):
                raise _invalid(
                    f"The value {text!r} for parameter {where}.Dimensions.member.{index}.{member} is invalid."
                )
    if len({item["Name"] for item in listed}) < len(listed):
        raise _invalid(f"The parameter {where}.Dimensions names a dimension twice.")
    return metric(*home, datum["MetricName"], dimensions(listed))


def _time(datum: Mapping[str, Any], where: str) -> float:
    now = CLOCK.now()
    at: float = datum.get("Timestamp", now)
    if not now - _TWO_WEEKS <= at <= now + _TWO_HOURS:
        raise _invalid(
            f"The parameter {where}.Timestamp must specify a time within the past two weeks "
            "and no more than two hours in the future."
        )
    return at


def _bucket(datum: Mapping[str, Any], where: str) -> Bucket:
    bucket = Bucket()
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if len(given) != 1:
        raise ServiceError(
            "InvalidParameterCombination" if given else "MissingParameter",
            f"The parameter {where} must have exactly one of Value, Values and StatisticValues",
        )
    if datum.get("StorageResolution", 60) not in _RESOLUTIONS:
        raise _invalid(f"The value {datum['StorageResolution']} for parameter {where}.StorageResolution is invalid.")
    for name, value in _numbers(datum):
        check_number(value, f"{where}.{name}")
    if "Value" in datum:
        bucket.add(datum["Value"])
    elif "StatisticValues" in datum:
        stats = datum["StatisticValues"]
        if stats["SampleCount"] < 0 or stats["Minimum"] > stats["Maximum"]:
            raise _invalid(
                f"The parameter {where}.StatisticValues has fewer than 0 samples, or a minimum over the maximum"
            )
        bucket.add_set(stats["SampleCount"], stats["Sum"], stats["Minimum"], stats["Maximum"])
    else:
        values = datum["Values"]
        counts = datum.get("Counts") or [1.0] * len(values)
        _check_size(f"{where}.Values", values, _MOST_VALUES)
        if len(counts) != len(values):
            raise _invalid(f"{where}.Values and {where}.Counts must be of the same length")
        if any(count <= 0 for count in counts):
            raise _invalid(f"The parameter {where}.Counts must hold numbers above 0")
        for value, count in zip(values, counts, strict=True):
            bucket.add(value, count)
    return bucket


def _numbers(datum: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    if "Value" in datum:
        yield "Value", datum["Value"]
    for name in ("Values", "Counts"):
        yield from ((f"{name}.member.{index}", value) for index, value in enumerate(datum.get(name, ()), 1))
    yield from ((f"StatisticValues.{name}", value) for name, value in datum.get("StatisticValues", {}).items())


def _check_size(name: str, listed: Sequence[Any], most: int) -> None:
    if len(listed) > most:
        raise _invalid(f"The collection {name} must not have a size greater than {most}.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)
