"""Evaluates every metric alarm at a simulated minute, over windows that slide by a minute, and fast ones between."""

import json
import logging
from functools import partial
from typing import Any

from local.cloud.alarms import configuration
from local.cloud.alarms.actions import moment
from local.cloud.alarms.configuration import Alarm
from local.cloud.alarms.evaluation import EXTRA_PERIODS, Datapoint, Decision, decide
from local.cloud.alarms.minutes import AFTER_SECONDS
from local.cloud.alarms.states import UNCHECKED, change, everywhere
from local.cloud.clock import CLOCK
from local.cloud.metrics.queries import Request
from local.cloud.metrics.store import FINE
from local.cloud.ministack import ministack
from local.cloud.timeline import TIMELINE

_MOST_REQUESTS = 1000
_REQUESTS: dict[str, tuple[float, Request]] = {}
"""ARN -> when the alarm was configured, and its parsed queries."""

_LOG = logging.getLogger(__name__)


def evaluate_all(end: float) -> bool:
    """Evaluate every alarm on the data before `end`, the start of a minute; whether there is any.

    Those of a period below a minute are evaluated every ten seconds until the next one.
    """
    found = list(everywhere())
    for account, region, alarm in found:
        _evaluate_safely(alarm, account, region, end)
    if any(_is_fast(alarm) for _, _, alarm in found):
        for after in range(FINE, 60, FINE):
            TIMELINE.at(end + CLOCK.real(after + AFTER_SECONDS), partial(_evaluate_fast, end + CLOCK.real(after)))
    return bool(found)


def _evaluate_fast(end: float) -> None:
    for account, region, alarm in everywhere():
        if _is_fast(alarm):
            _evaluate_safely(alarm, account, region, end)


def _is_fast(alarm: Alarm) -> bool:
    return configuration.period(alarm) < 60


def _evaluate_safely(alarm: Alarm, account: str, region: str, end: float) -> None:
    """Evaluate one alarm; an error in one does not stop the others."""
    core: Any = ministack("core.responses")
    try:
        with core.request_scope(account, region):
            evaluate(alarm, account, region, end)
    except Exception:
        _LOG.exception("alarm %s of %s in %s could not be evaluated", alarm.get("AlarmName"), account, region)


def evaluate(alarm: Alarm, account: str, region: str, end: float) -> None:
    """Evaluate one alarm, and change its state if the data says so. A new alarm is first evaluated after a minute."""
    due = end + CLOCK.real(AFTER_SECONDS)  # it may be much later by now
    if alarm["StateReason"] == UNCHECKED and due - alarm["StateUpdatedTimestamp"] < CLOCK.minute:
        return
    request = _request(alarm, account)
    rule = configuration.rule(alarm)
    length = CLOCK.real(request.period)
    times = [end - length * back for back in range(rule.periods + EXTRA_PERIODS, 0, -1)]
    series = request.evaluate(account, region, times)[request.watched()[0]["Id"]]
    decision = decide(rule, [Datapoint(at, series.points.get(at)) for at in times])
    if decision.state is not None and decision.state != alarm["StateValue"]:
        data = _reason_data(alarm, request.period, decision)
        change(alarm, decision.state, decision.reason, json.dumps(data, separators=(",", ":")))


def _request(alarm: Alarm, account: str) -> Request:
    """Return the alarm's queries, parsed once for each change of its configuration."""
    mark = alarm["AlarmConfigurationUpdatedTimestamp"]
    known = _REQUESTS.get(alarm["AlarmArn"])
    if known is None or known[0] != mark:
        if len(_REQUESTS) >= _MOST_REQUESTS:
            _REQUESTS.clear()
        known = _REQUESTS[alarm["AlarmArn"]] = mark, configuration.request(alarm, account)
    return known[1]


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
