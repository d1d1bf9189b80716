"""The alarms of every account and region, their history, and the one way in which a state changes.

They live in ministack's own store, so composite alarms, CloudFormation, AppConfig and reset see them.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from local.cloud.alarms.actions import moment, set_off
from local.cloud.alarms.configuration import Alarm
from local.cloud.clock import CLOCK
from local.cloud.ministack import ministack

UNCHECKED = "Unchecked: Initial alarm creation"
LOCK = threading.RLock()
"""Held while an alarm changes; never while its actions run."""


def store() -> Any:
    """Return ministack's alarms of the request's account and region, by name."""
    cloudwatch: Any = ministack("services.cloudwatch")
    return cloudwatch._alarms


def everywhere() -> Iterator[tuple[str, str, Alarm]]:
    """Yield account, region and alarm of every metric alarm."""
    for (account, region, _), alarm in list(store()._data.items()):
        yield account, region, alarm


def change(alarm: Alarm, state: str, reason: str, data: str | None = None) -> bool:
    """Put the alarm into a state; if it is another one than before, carry out its actions.

    Return False, and do nothing, if the alarm was changed or deleted since it was read. It becomes a new mapping:
    another thread may be showing the old one.
    """
    now, name = CLOCK.now(), alarm["AlarmName"]
    with LOCK:
        if store().get(name) is not alarm:
            return False
        after = alarm | {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": now}
        after.pop("StateReasonData", None)
        if data is not None:
            after["StateReasonData"] = data
        store()[name] = after
        if alarm["StateValue"] == state:
            return True
        after["StateTransitionedTimestamp"] = now
        summary = f"Alarm updated from {alarm['StateValue']} to {state}"
        history = {"version": "1.0", "oldState": _shown(alarm), "newState": _shown(after)}
        note(name, "StateUpdate", summary, history)
    set_off(after, alarm, lambda kind, text, found: note(name, kind, text, found))
    cloudwatch: Any = ministack("services.cloudwatch")
    cloudwatch._evaluate_parent_alarms(after)
    return True


def _shown(alarm: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"stateValue": alarm["StateValue"], "stateReason": alarm["StateReason"]}
    if alarm.get("StateReasonData"):
        shown["stateReasonData"] = json.loads(alarm["StateReasonData"])
    return shown


def note(name: str, kind: str, summary: str, data: Mapping[str, Any]) -> None:
    """Write one item of the alarm's history; the list is ministack's, `At` is its time with milliseconds."""
    cloudwatch: Any = ministack("services.cloudwatch")
    at = CLOCK.now()
    cloudwatch._history_entries().append(
        {
            "AlarmName": name,
            "AlarmType": "MetricAlarm",
            "Timestamp": moment(at)[:19] + "Z",
            "At": at,
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
    )
