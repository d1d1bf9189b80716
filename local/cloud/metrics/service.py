"""The CloudWatch operations on metrics. Operations that are neither here nor in alarms/ stay ministack's.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel  # type: ignore[import-untyped]

from local.cloud.clock import CLOCK
from local.cloud.metrics import dashboards
from local.cloud.metrics.data import put
from local.cloud.metrics.math.syntax import MathError
from local.cloud.metrics.math.values import Series
from local.cloud.metrics.queries import Query, QueryError, check_period, checked, dimensions, read, starts
from local.cloud.metrics.statistics import UnknownStatisticError, statistic
from local.cloud.metrics.store import STORE, metric
from local.cloud.ministack import Patch, Seam, install, ministack
from local.cloud.violations import Violation
from local.cloud.wire import Service, ServiceError

_MODULE = "services.cloudwatch"
_PAGE = 500
_MOST_POINTS = 1440
"""Data points of a call: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html"""
_BASIC = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


def register() -> None:
    """Replace ministack's metric operations, and store what its other services record."""
    install(
        [
            Patch(
                Seam(_MODULE, "record_metric", "namespace metric_name value unit dimensions"),
                "a second store of metrics, unscaled and never late",
                lambda _: _record,
            )
        ],
        [
            Seam(_MODULE, "handle_request", "method path headers body query_params"),
            Seam(_MODULE, "cloudformation_put_dashboard", "name body"),
            Seam("core.responses", "get_account_id", ""),
            Seam("core.responses", "get_region", ""),
            Seam("core.responses", "request_scope", "account_id region"),
        ],
    )
    CLOUDWATCH.fallback = ministack(_MODULE).handle_request
    CLOUDWATCH.operations |= {
        "PutMetricData": lambda request: put(request, *scope()),
        "GetMetricData": _get_metric_data,
        "GetMetricStatistics": _get_metric_statistics,
        "ListMetrics": _list_metrics,
        "PutDashboard": dashboards.put,
    }
    ministack("app").SERVICE_HANDLERS["monitoring"] = CLOUDWATCH.handle_request


def scope() -> tuple[str, str]:
    """Return the account and region of the request at hand."""
    responses: Any = ministack("core.responses")
    return responses.get_account_id(), responses.get_region()


def _refuse(_: OperationModel, found: list[Violation]) -> ServiceError:
    missing = next((violation for violation in found if violation.missing), None)
    if missing is not None:
        return ServiceError("MissingParameter", f"The parameter {missing.member} is required.")
    plural = "s" if len(found) > 1 else ""
    listed = "; ".join(str(violation) for violation in found)
    return ServiceError("ValidationError", f"{len(found)} validation error{plural} detected: {listed}")


CLOUDWATCH = Service("cloudwatch", _refuse)
"""CloudWatch; alarms/service.py adds its operations."""


def _record(
    namespace: str, metric_name: str, value: float, unit: str = "None", dimensions: Mapping[str, str] | None = None
) -> None:
    STORE.record(*scope(), namespace, metric_name, dimensions or {}, value, unit)


def _get_metric_data(request: dict[str, Any]) -> dict[str, Any]:
    account, region = scope()
    first, end = _range(request)
    try:
        wanted = checked(request["MetricDataQueries"], account)
        results = wanted.evaluate(account, region, starts(first, end, wanted.period))
        for query in wanted.watched():
            if query["Id"] not in results:
                period = query["MetricStat"]["Period"]
                results[query["Id"]] = read(account, region, query, starts(first, end, period), period)
    except (QueryError, MathError, UnknownStatisticError) as error:
        raise ServiceError("ValidationError", str(error)) from error
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    return {"MetricDataResults": [_result(query, results[query["Id"]], newest_first) for query in wanted.watched()]}


def _result(query: Query, series: Series, newest_first: bool) -> dict[str, Any]:
    times = sorted(series.points, reverse=newest_first)
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or (series.label if "MetricStat" in query else query["Id"]),
        "Timestamps": times,
        "Values": [series.points[at] for at in times],
        "StatusCode": "Complete",
    }


def _range(request: Mapping[str, Any]) -> tuple[float, float]:
    if request["StartTime"] >= request["EndTime"]:
        raise ServiceError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return request["StartTime"], request["EndTime"]


def _get_metric_statistics(request: dict[str, Any]) -> dict[str, Any]:
    basic, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if not basic and not extended:
        raise ServiceError("MissingParameter", "The parameters Statistics and ExtendedStatistics cannot both be empty.")
    first, end = _range(request)
    key = metric(*scope(), request["Namespace"], request["MetricName"], dimensions(request.get("Dimensions")))
    try:
        period = check_period(request["Period"])
        for name in extended:
            statistic(name)
    except (QueryError, UnknownStatisticError) as error:
        raise ServiceError("InvalidParameterValue", str(error)) from error
    if (asked := (end - first) / CLOCK.real(period)) > _MOST_POINTS:
        raise ServiceError(
            "InvalidParameterCombination",
            f"You have requested up to {asked:,.0f} datapoints, which exceeds the limit of {_MOST_POINTS:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )
    times = starts(first, end, period)
    points = []
    for unit in [request["Unit"]] if "Unit" in request else STORE.units(key):
        values = {
            name: STORE.windows(key, name, times, CLOCK.real(period), unit) for name in {*basic, *extended, *_BASIC}
        }
        points += [
            {name: values[name][index] for name in basic}
            | {"ExtendedStatistics": {n: v for n in extended if (v := values[n][index]) is not None}}
            | {"Timestamp": at, "Unit": unit}
            for index, at in enumerate(times)
            if values["SampleCount"][index]
        ]
    if not extended:
        points = [{name: value for name, value in point.items() if name != "ExtendedStatistics"} for point in points]
    return {"Label": request["MetricName"], "Datapoints": points}


def _list_metrics(request: dict[str, Any]) -> dict[str, Any]:
    filters = [(item["Name"], item.get("Value")) for item in request.get("Dimensions", ())]
    found = [
        key
        for key in STORE.metrics(*scope())
        if request.get("Namespace") in {None, key.namespace}
        and request.get("MetricName") in {None, key.name}
        and all(any(n == name and value in {None, v} for n, v in key.dimensions) for name, value in filters)
    ]
    start = int(token) if (token := request.get("NextToken", "0")).isdigit() else None
    if start is None:
        raise ServiceError("InvalidParameterValue", f"The parameter NextToken {token!r} is not one that was given out.")
    page = found[start : start + _PAGE]
    return {
        "Metrics": [
            {
                "Namespace": key.namespace,
                "MetricName": key.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
            }
            for key in page
        ],
        "NextToken": str(start + _PAGE) if len(found) > start + _PAGE else None,
    }
