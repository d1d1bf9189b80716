"""Evaluates requests for metrics and expressions on the store, for GetMetricData and for alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.metrics.math.evaluation import Expressions, check_id
from local.cloud.metrics.math.values import Series
from local.cloud.metrics.statistics import statistic
from local.cloud.metrics.store import STORE, Metric, metric, minute_start

MINUTE = 60

HIGH_RESOLUTION = (10, 20, 30)
"""Periods below a minute, of metrics stored so: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
Query = Mapping[str, Any]
"""A MetricDataQuery as the API shows it."""


class QueryError(ValueError):
    """CloudWatch refuses a request; the text says why."""


def dimensions(listed: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Return the API's list of dimensions as a mapping."""
    return {item["Name"]: item["Value"] for item in listed or ()}


def check_period(period: int) -> int:
    """Raises QueryError unless the period is 10, 20, 30 or a multiple of 60 seconds."""
    if period not in HIGH_RESOLUTION and (period < MINUTE or period % MINUTE):
        raise QueryError(f"Period {period} is not imitated: it must be 10, 20, 30 or a multiple of {MINUTE} seconds")
    return period


def starts(first: float, end: float, period: int) -> list[float]:
    """Where the windows of `period` simulated seconds start, from the minute that holds `first` up to before `end`.

    Of a period below a minute, from that period's own beginning.
    """
    unit = min(period, MINUTE)
    steps, index, found = period // unit, 0, []
    length = CLOCK.real(unit)
    origin = round(minute_start(first, unit) / length)
    while (start := round((origin + index * steps) * length, 6)) < end - 1e-6:
        found.append(start)
        index += 1
    return found


@dataclass(frozen=True)
class Request:
    """The checked queries of one request, in its order."""

    queries: tuple[Query, ...]
    expressions: Expressions
    period: int
    """Simulated seconds; of the expressions and, if there are any, of every metric."""

    def watched(self) -> list[Query]:
        """Return the queries whose data is requested."""
        return [query for query in self.queries if query.get("ReturnData", True)]

    def evaluate(self, account: str, region: str, times: Sequence[float]) -> dict[str, Series]:
        """Return the data of every query whose period is the request's, by its id, in windows that start at `times`."""
        series = [
            read(account, region, query, times, self.period)
            for query in self.queries
            if "MetricStat" in query and query["MetricStat"]["Period"] == self.period
        ]
        return {one.id: one for one in series} | self.expressions.evaluate(series, times)


def read(account: str, region: str, query: Query, times: Sequence[float], period: int) -> Series:
    """Return one metric as a time series: its statistic over each window of `period` simulated seconds."""
    stat = query["MetricStat"]
    key = key_of(account, region, stat["Metric"])
    values = STORE.windows(key, stat["Stat"], times, CLOCK.real(period), stat.get("Unit"))
    points = {at: value for at, value in zip(times, values, strict=True) if value is not None}
    return Series(points, query["Id"], query.get("Label") or key.name)


def key_of(account: str, region: str, described: Mapping[str, Any]) -> Metric:
    """Return the store's key of a Metric as the API shows it."""
    named = dimensions(described.get("Dimensions"))
    return metric(account, region, described.get("Namespace", ""), described.get("MetricName", ""), named)


def checked(queries: Sequence[Query], account: str) -> Request:
    """Return the checked queries of a request. Raises QueryError or MathError."""
    seen: set[str] = set()
    for query in queries:
        check_id(query["Id"])
        if query["Id"] in seen:
            raise QueryError(f"The metric Ids must be unique; {query['Id']!r} is used twice")
        seen.add(query["Id"])
        if ("MetricStat" in query) == ("Expression" in query):
            raise QueryError(f"Query {query['Id']!r} must have either MetricStat or Expression, and not both")
        if query.get("AccountId", account) != account:
            raise QueryError(
                f"AccountId {query['AccountId']} is not imitated: metrics of other accounts cannot be read"
            )
        if "MetricStat" in query:
            _check_metric(query["MetricStat"])
    metrics = [query for query in queries if "MetricStat" in query]
    texts = {query["Id"]: query["Expression"] for query in queries if "Expression" in query}
    expressions = Expressions.parsed(texts, [query["Id"] for query in metrics])
    return Request(tuple(queries), expressions, _period(metrics, queries, bool(texts)))


def _check_metric(stat: Mapping[str, Any]) -> None:
    check_period(stat["Period"])
    statistic(stat["Stat"])
    for name in ("Namespace", "MetricName"):
        if not stat["Metric"].get(name):
            raise QueryError(f"The parameter MetricStat.Metric.{name} is required.")


def _period(metrics: Sequence[Query], queries: Sequence[Query], math: bool) -> int:
    """Return the one period of the metrics; without metrics that of the expressions, else a minute."""
    periods: set[int] = {query["MetricStat"]["Period"] for query in metrics}
    if not periods:
        periods = {check_period(query["Period"]) for query in queries if "Period" in query} or {MINUTE}
    if math and len(periods) > 1:
        listed = ", ".join(str(period) for period in sorted(periods))
        raise QueryError(f"Metrics that expressions use must have one period; these have {listed}")
    return min(periods)
