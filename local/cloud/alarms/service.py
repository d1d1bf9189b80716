"""The CloudWatch operations on metric alarms. Composite alarms, tags and dashboards stay ministack's.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

import json
from collections.abc import Mapping
from typing import Any

from local.cloud.alarms import actions, configuration
from local.cloud.alarms.configuration import Alarm
from local.cloud.alarms.minutes import Minutes
from local.cloud.alarms.scheduler import evaluate_all
from local.cloud.alarms.states import LOCK, UNCHECKED, change, note, store
from local.cloud.clock import CLOCK
from local.cloud.metrics import queues
from local.cloud.metrics.queries import dimensions
from local.cloud.metrics.service import CLOUDWATCH, scope
from local.cloud.ministack import Patch, Seam, install, ministack
from local.cloud.wire import ServiceError

_MODULE = "services.cloudwatch"
_PAGE = 50
_MOST_DELETED = 100
_KEPT = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
_REQUEST = frozenset({"Tags"})


def register() -> None:
    """Serve the alarm operations in place of ministack's, and evaluate alarms each simulated minute."""
    install(
        [
            Patch(
                Seam(_MODULE, "_evaluate_alarm", "alarm"),
                "alarms were evaluated on writes, without dimensions, M of N, missing data and metric math",
                lambda _: _wait_for_the_minute,
            )
        ],
        [
            Seam(_MODULE, "_evaluate_parent_alarms", "child seen"),
            Seam(_MODULE, "_history_entries", ""),
            Seam(_MODULE, "_alarm_tags_refusal", "tags datapoints is_new is_cbor is_json composite"),
            *actions.NEEDS,
        ],
    )
    CLOUDWATCH.operations |= {
        "PutMetricAlarm": _put_metric_alarm,
        "DescribeAlarms": _describe_alarms,
        "DescribeAlarmsForMetric": _describe_alarms_for_metric,
        "DescribeAlarmHistory": _describe_alarm_history,
        "SetAlarmState": _set_alarm_state,
        "DeleteAlarms": _delete_alarms,
    }
    Minutes(_each_minute).start()


def _each_minute(end: float) -> bool:
    """Publish the metrics of queues, which come by the minute, and evaluate every alarm; True if there is any."""
    queues.publish(end)
    return evaluate_all(end)


def _wait_for_the_minute(alarm: Alarm) -> None:
    """Leave the evaluation to the minute: alarms have no other trigger."""


def _cloudwatch() -> Any:
    return ministack(_MODULE)


def _put_metric_alarm(request: dict[str, Any]) -> None:
    account, region = scope()
    name = request["AlarmName"]
    wanted = {field: value for field, value in request.items() if field not in _REQUEST}
    configuration.check(wanted, account)
    now = CLOCK.now()
    with LOCK:
        if name in _cloudwatch()._composite_alarms:
            raise ServiceError("ValidationError", f"An alarm of another type is already named {name}")
        old = store().get(name)
        alarm = _defaults(wanted) | {
            "AlarmArn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
            "AlarmConfigurationUpdatedTimestamp": now,
        }
        if old is None:
            _tag(alarm["AlarmArn"], request.get("Tags"))
            alarm |= {
                "StateValue": "INSUFFICIENT_DATA",
                "StateReason": UNCHECKED,
                "StateUpdatedTimestamp": now,
                "StateTransitionedTimestamp": now,
            }
            note(name, "ConfigurationUpdate", f'Alarm "{name}" created', {"version": "1.0", "type": "Create"})
        else:
            alarm |= {field: old[field] for field in _KEPT if field in old}
            note(name, "ConfigurationUpdate", f'Alarm "{name}" updated', {"version": "1.0", "type": "Update"})
        store()[name] = alarm


def _defaults(request: Mapping[str, Any]) -> Alarm:
    alarm: Alarm = {
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "Dimensions": [],
        "TreatMissingData": "missing",
    } | dict(request)
    if alarm.get("Metrics"):
        del alarm["Dimensions"]
        alarm["Metrics"] = [{"ReturnData": True} | query for query in alarm["Metrics"]]
    return alarm


def _tag(arn: str, tags: list[dict[str, str]] | None) -> None:
    """Set the tags of a new alarm; an update ignores them, as on AWS."""
    refused = _cloudwatch()._alarm_tags_refusal(tags, None, True, False, True)
    if refused:
        error = json.loads(refused[2])
        raise ServiceError(error["__type"], error["message"], refused[0])
    if tags:
        _cloudwatch()._resource_tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}


def _describe_alarms(request: dict[str, Any]) -> dict[str, Any]:
    for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
        if name in request:
            raise ServiceError("ValidationError", f"{name} is not imitated by the local cloud")
    types = request.get("AlarmTypes") or ["MetricAlarm"]
    kinds = {"MetricAlarm": store(), "CompositeAlarm": _cloudwatch()._composite_alarms}
    found = sorted(
        (
            (alarm["AlarmName"], kind, dict(alarm))
            for kind in types
            for alarm in list(kinds.get(kind, {}).values())
            if _matches(alarm, request) and alarm["AlarmName"] >= request.get("NextToken", "")
        ),
        key=lambda entry: entry[:2],
    )
    size = request.get("MaxRecords", _PAGE)
    page = found[:size]
    return {
        "MetricAlarms": [alarm for _, kind, alarm in page if kind == "MetricAlarm"],
        "CompositeAlarms": [alarm for _, kind, alarm in page if kind == "CompositeAlarm"],
        "NextToken": found[size][0] if len(found) > size else None,
    }


def _matches(alarm: Alarm, request: Mapping[str, Any]) -> bool:
    names, prefix = request.get("AlarmNames"), request.get("ActionPrefix", "")
    return (
        (not names or alarm["AlarmName"] in names)
        and alarm["AlarmName"].startswith(request.get("AlarmNamePrefix", ""))
        and request.get("StateValue") in {None, alarm["StateValue"]}
        and (
            not prefix
            or any(arn.startswith(prefix) for field in configuration.ACTIONS for arn in alarm.get(field) or ())
        )
    )


def _describe_alarms_for_metric(request: dict[str, Any]) -> dict[str, Any]:
    wanted = dimensions(request.get("Dimensions"))
    return {
        "MetricAlarms": [
            alarm
            for alarm in store().values()
            if (alarm.get("Namespace"), alarm.get("MetricName")) == (request["Namespace"], request["MetricName"])
            and dimensions(alarm.get("Dimensions")) == wanted
            and all(request.get(name) in {None, alarm.get(name)} for name in ("Statistic", "Period", "Unit"))
        ]
    }


def _describe_alarm_history(request: dict[str, Any]) -> dict[str, Any]:
    types = request.get("AlarmTypes") or ["MetricAlarm"]
    items = [
        (index, item | {"Timestamp": item.get("At", item["Timestamp"])})
        for index, item in enumerate(_cloudwatch()._history_entries())
        if item.get("AlarmType", "MetricAlarm") in types
        and request.get("AlarmName") in {None, item["AlarmName"]}
        and request.get("HistoryItemType") in {None, item["HistoryItemType"]}
    ]
    first, last = request.get("StartDate", 0), request.get("EndDate", float("inf"))
    items = [(index, item) for index, item in items if first <= _seconds(item["Timestamp"]) <= last]
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    items.sort(key=lambda entry: entry[0], reverse=newest_first)
    if token := request.get("NextToken"):
        if not token.isdigit():
            raise ServiceError("InvalidNextToken", f"Invalid NextToken : {token}")
        items = [e for e in items if (e[0] <= int(token) if newest_first else e[0] >= int(token))]
    size = request.get("MaxRecords", _PAGE)
    return {
        "AlarmHistoryItems": [item for _, item in items[:size]],
        "NextToken": str(items[size][0]) if len(items) > size else None,
    }


def _seconds(timestamp: Any) -> float:
    return float(timestamp if isinstance(timestamp, int | float) else _cloudwatch()._parse_ts(timestamp))


def _set_alarm_state(request: dict[str, Any]) -> None:
    name, data = request["AlarmName"], request.get("StateReasonData")
    if data is not None:
        try:
            json.loads(data)
        except ValueError as error:
            raise ServiceError("InvalidFormat", f"StateReasonData is not JSON: {error}") from error
    while (alarm := store().get(name)) is not None:
        if change(alarm, request["StateValue"], request["StateReason"], data):
            return
    composite = _cloudwatch()._composite_alarms.get(name)
    if composite is None:
        raise ServiceError("ResourceNotFound", f"Alarm {name} not found", 404)
    _cloudwatch()._transition_composite(composite, request["StateValue"], request["StateReason"], [])


def _delete_alarms(request: dict[str, Any]) -> None:
    names = request["AlarmNames"]
    if len(names) > _MOST_DELETED:
        raise ServiceError("ValidationError", f"{len(names)} alarms cannot be deleted at once; at most {_MOST_DELETED}")
    with LOCK:
        composites = _cloudwatch()._composite_alarms
        missing = [name for name in names if name not in store() and name not in composites]
        if missing:
            raise ServiceError("ResourceNotFound", f"Alarm {', '.join(missing)} not found; none was deleted", 404)
        status, _, body = _cloudwatch()._delete_alarms({}, {"AlarmNames": names}, False, True)
        if status >= 400:
            error = json.loads(body)
            raise ServiceError(error["__type"], error["message"], status)
        for name in names:
            note(name, "ConfigurationUpdate", f'Alarm "{name}" deleted', {"version": "1.0", "type": "Delete"})
