"""Evaluates every metric alarm once a simulated minute, over windows that slide by a minute."""

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any

from local.cloud.alarms import configuration
from local.cloud.alarms.actions import moment
from local.cloud.alarms.configuration import Alarm
from local.cloud.alarms.evaluation import EXTRA_PERIODS, Datapoint, Decision, decide
from local.cloud.alarms.states import UNCHECKED, change, everywhere
from local.cloud.clock import CLOCK
from local.cloud.metrics.math.values import Series
from local.cloud.metrics.queries import Query, Request, read
from local.cloud.metrics.service import scope
from local.cloud.metrics.store import minute_start
from local.cloud.patches import ministack

AFTER_SECONDS = 5
"""Simulated seconds into a minute at which alarms are evaluated: calls that end just after it began still count."""
_LONGEST_SLEEP = 0.25

_MOST_REQUESTS = 1000
_REQUESTS: dict[str, tuple[float, Request]] = {}
"""ARN -> when the alarm was configured, and its parsed queries."""

_LOG = logging.getLogger(__name__)


class Scheduler:
    """One thread. A minute that passes while the last one is still being evaluated is left out."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin with the next minute."""
        self._thread.start()

    def _run(self) -> None:
        seen = minute_start(CLOCK.now() - CLOCK.real(AFTER_SECONDS))
        while not self._stop.is_set():
            minute = minute_start(CLOCK.now() - CLOCK.real(AFTER_SECONDS))
            if minute != seen:
                seen = minute
                evaluate_all(minute)
            due = seen + CLOCK.minute + CLOCK.real(AFTER_SECONDS) - CLOCK.now()
            self._stop.wait(min(max(due, 0.001), _LONGEST_SLEEP))


def evaluate_all(end: float) -> None:
    """Evaluate every alarm on the data before `end`, the start of a minute. One that fails does not stop the others."""
    core: Any = ministack("core.responses")
    for account, region, alarm in everywhere():
        try:
            with core.request_scope(account, region):
                evaluate(alarm, account, region, end)
        except Exception:
            _LOG.exception("alarm %s of %s in %s could not be evaluated", alarm.get("AlarmName"), account, region)


def evaluate(alarm: Alarm, account: str, region: str, end: float) -> None:
    """Evaluate one alarm, and change its state where the data asks for it. A new one has a minute before the first."""
    if alarm["StateReason"] == UNCHECKED and CLOCK.now() - alarm["StateUpdatedTimestamp"] < CLOCK.minute:
        return
    request = _request(alarm, account)
    rule = configuration.rule(alarm)
    length = CLOCK.real(request.period)
    times = [end - length * back for back in range(rule.periods + EXTRA_PERIODS, 0, -1)]
    series = request.evaluate(account, region, times)[request.watched()[0]["Id"]]
    if not isinstance(series, Series):
        raise TypeError(f"alarm {alarm['AlarmName']} watches several time series")
    if _too_few_samples(alarm, request.queries[0], times[-rule.periods :], request.period):
        return
    decision = decide(rule, [Datapoint(at, series.points.get(at)) for at in times])
    if decision.state is not None and decision.state != alarm["StateValue"]:
        data = _reason_data(alarm, request.period, decision)
        change(alarm, decision.state, decision.reason, json.dumps(data, separators=(",", ":")))


def _request(alarm: Alarm, account: str) -> Request:
    """The alarm's queries, parsed once for each change of its configuration."""
    mark = alarm["AlarmConfigurationUpdatedTimestamp"]
    known = _REQUESTS.get(alarm["AlarmArn"])
    if known is None or known[0] != mark:
        if len(_REQUESTS) >= _MOST_REQUESTS:
            _REQUESTS.clear()
        known = _REQUESTS[alarm["AlarmArn"]] = mark, configuration.request(alarm, account)
    return known[1]


def _too_few_samples(alarm: Alarm, query: Query, times: Sequence[float], period: int) -> bool:
    """EvaluateLowSampleCountPercentile=ignore: with fewer than 10/(1-percentile) samples the state stays.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
    """
    stat = str(alarm.get("ExtendedStatistic", ""))
    if alarm.get("EvaluateLowSampleCountPercentile") != "ignore" or not stat.startswith("p"):
        return False
    share = float(stat[1:]) / 100
    needed = 10 / max(min(share, 1 - share), 1e-9)
    counted = {"Id": "m1", "MetricStat": query["MetricStat"] | {"Stat": "SampleCount"}}
    return sum(read(*scope(), counted, times, period).points.values()) < needed


def _reason_data(alarm: Alarm, period: int, decision: Decision) -> dict[str, Any]:
    data = {
        "version": "1.0",
        "queryDate": moment(CLOCK.now()),
        "statistic": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
        "unit": alarm.get("Unit"),
        "period": period,
        "recentDatapoints": [point.value for point in reversed(decision.evaluated)],
        "threshold": alarm["Threshold"],
        "evaluatedDatapoints": [{"timestamp": moment(p.at), "value": p.value} for p in decision.evaluated],
    }
    if decision.evaluated:
        data["startDate"] = moment(decision.evaluated[-1].at)
    return {name: value for name, value in data.items() if value is not None}
