"""Read what a function's versions did by minute, and the lifecycle of deployments: for pages that a person looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from infra.answered import METRIC, NAMESPACE
from infra.release.aws.clients import Clients
from infra.release.aws.deployments import lambda_targets
from infra.release.aws.errors import aws_call
from infra.release.aws.metrics import MOST_QUERIES
from infra.release.engine.clock import ScaledClock
from infra.release.model.lifecycle import LifecycleEvent
from infra.release.reports.timeline import Counted

REQUESTS, ERRORS = ("AWS/Lambda", "Invocations"), ("AWS/Lambda", "Errors")
FAULTS = (NAMESPACE, METRIC)
"""Metrics by namespace and name: requests, errors as Lambda counts them, and answered faults, which are errors too."""
ALIAS = ""
"""The key of the counts of the whole alias, beside those of its versions."""
EDGE = 1e-3  # of a period: what the conversion of a scaled clock's times may be off
RETENTION = ((timedelta(days=15), 1), (timedelta(days=63), 5))
"""Until which age CloudWatch has points of that many minutes; older ones are of an hour.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
"""
HOUR, MOST_POINTS = 60, 1440


@dataclass(frozen=True)
class Window:
    """A time of one function's alias: the versions whose counts are read, and the minutes of one point.

    answered: count the answered faults among the errors (`infra.answered`).
    """

    function: str
    alias: str
    versions: tuple[str, ...]
    start: datetime
    end: datetime
    period: int = 1
    answered: bool = False

    @property
    def length(self) -> int:
        """The number of points."""
        return -(-(self.end - self.start) // timedelta(minutes=self.period))


def period(start: datetime, end: datetime, now: datetime) -> int:
    """Return the minutes of a point that CloudWatch still has, and by which the window has no more than a day's."""
    kept = next((minutes for age, minutes in RETENTION if now - start < age), HOUR)
    needed = (end - start) / timedelta(minutes=MOST_POINTS)
    return next((each for each in (1, 5, HOUR) if each >= max(kept, needed)), HOUR)


def read(clients: Clients, clock: ScaledClock, windows: Sequence[Window]) -> list[dict[str, Counted]]:
    """Return for each window the counts by version, by point since its start; the alias's own under ALIAS."""
    asked = [(window, query) for index, window in enumerate(windows) for query in _queries(window, index)]
    found: dict[str, Mapping[int, float]] = {}
    for start in range(0, len(asked), MOST_QUERIES):
        some = asked[start : start + MOST_QUERIES]
        found |= _read(clients, clock, {query["Id"]: (window, query) for window, query in some})

    def counted(index: int, version: str) -> Counted:
        requests, errors, faults = (found.get(_id(each, index, version), {}) for each in (REQUESTS, ERRORS, FAULTS))
        return Counted(requests, {at: errors.get(at, 0.0) + faults.get(at, 0.0) for at in {*errors, *faults}})

    return [
        {version: counted(index, version) for version in (ALIAS, *window.versions)}
        for index, window in enumerate(windows)
    ]


def _id(metric: tuple[str, str], index: int, version: str) -> str:
    return f"{metric[1].lower()}_{index}_{version or 'alias'}"


def _read(
    clients: Clients, clock: ScaledClock, asked: Mapping[str, tuple[Window, dict[str, Any]]]
) -> dict[str, Mapping[int, float]]:
    found: dict[str, dict[int, float]] = {}
    with aws_call(
        "cloudwatch GetMetricData", f"metrics of {', '.join(sorted({w.function for w, _ in asked.values()}))}"
    ):
        pages = clients.cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[query for _, query in asked.values()],  # type: ignore[misc]
            StartTime=min(clock.real(window.start) for window, _ in asked.values()),
            EndTime=max(clock.real(window.end) for window, _ in asked.values()),
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                window = asked[result["Id"]][0]
                counts = found.setdefault(result["Id"], {})
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    place = (clock.simulated(at) - window.start) / timedelta(minutes=window.period)
                    if 0 <= (index := int(place + 1 + EDGE) - 1) < window.length:
                        counts[index] = counts.get(index, 0.0) + value
    return dict(found)


def _queries(window: Window, index: int) -> Iterator[dict[str, Any]]:
    dimensions = {"FunctionName": window.function, "Resource": f"{window.function}:{window.alias}"}
    for version in (ALIAS, *window.versions):
        of_version = dimensions | ({"ExecutedVersion": version} if version else {})
        for metric in (REQUESTS, ERRORS, *([FAULTS] if window.answered else [])):
            named = [{"Name": key, "Value": value} for key, value in of_version.items()]
            namespace, name = metric
            metric_of = {"Namespace": namespace, "MetricName": name, "Dimensions": named}
            stat = {"Metric": metric_of, "Period": 60 * window.period, "Stat": "Sum"}
            yield {"Id": _id(metric, index, version), "MetricStat": stat}


def lifecycle(clients: Clients, clock: ScaledClock, deployment: str) -> tuple[LifecycleEvent, ...]:
    """Return a deployment's lifecycle events, in their order; none before it has begun.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_LambdaTarget.html
    """
    return tuple(
        LifecycleEvent(
            name=event["lifecycleEventName"],
            status=event.get("status", "Unknown"),
            started=clock.simulated(event["startTime"]) if "startTime" in event else None,
            ended=clock.simulated(event["endTime"]) if "endTime" in event else None,
            message=event.get("diagnostics", {}).get("message", ""),
        )
        for target in lambda_targets(clients, deployment)
        for event in target.get("lifecycleEvents", [])
    )
