"""Carries out what an alarm's change of state causes: SNS notifications, an EventBridge event, and listeners within the
cloud.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session  # type: ignore[import-untyped]

from local.cloud.alarms.configuration import Alarm
from local.cloud.identity import guard
from local.cloud.metrics.service import scope
from local.cloud.ministack import Seam, ministack

_LOG = logging.getLogger(__name__)
_FIELDS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

Listener = Callable[[str, str, str], None]
LISTENERS: list[Listener] = []
"""Called with account, region and name of an alarm whose state has changed."""

NEEDS = [
    Seam(
        "services.sns",
        "_fanout",
        "topic_arn msg_id message subject message_structure message_attributes message_group_id message_dedup_id",
    ),
    Seam("services.sns", "_topic_by_arn_any_scope", "topic_arn"),
    Seam("services.eventbridge", "_put_events", "data allow_aws_source"),
]


def put_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
    """Publish an event of an AWS service on the default bus of the scope at hand; never fails."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    events: Any = ministack("services.eventbridge")
    try:
        events._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:
        _LOG.exception("the event %s of %s was lost", detail_type, source)


def set_off(alarm: Alarm, before: Mapping[str, Any], note: Callable[[str, str, Mapping[str, Any]], None]) -> None:
    """Act on the alarm's new state. `before` is the alarm as it was; `note(type, summary, data)` writes its history.

    Listeners come first: a canary is stopped before notifications are sent.
    """
    account, region = scope()
    for listener in LISTENERS:
        listener(account, region, alarm["AlarmName"])
    if alarm.get("ActionsEnabled", True):
        for arn in alarm.get(_FIELDS[alarm["StateValue"]]) or ():
            _act(alarm, before, arn, note)
    put_event("aws.cloudwatch", "CloudWatch Alarm State Change", _detail(alarm, before), [alarm["AlarmArn"]])


def _act(alarm: Alarm, before: Mapping[str, Any], arn: str, note: Callable[..., None]) -> None:
    sns: Any = ministack("services.sns")
    error = None
    if not arn.startswith("arn:aws:sns:"):
        error = "the local cloud acts on SNS topics only"
    elif sns._topic_by_arn_any_scope(arn) is None:
        error = "the topic does not exist"
    elif not _may_publish(alarm["AlarmArn"], sns._topic_by_arn_any_scope(arn), arn):
        error = "CloudWatch is not authorized to publish to the topic"
    else:
        subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {region_name(scope()[1])}'
        try:
            sns._fanout(arn, str(uuid.uuid4()), json.dumps(_message(alarm, before)), subject[:100])
        except Exception as failure:
            _LOG.exception("the notification of %s was lost", arn)
            error = str(failure)
    outcome = "Successfully executed" if error is None else "Failed to execute"
    data = {"actionState": "Succeeded" if error is None else "Failed", "notificationResource": arn, "error": error}
    note("Action", f"{outcome} action {arn}", data)


def _may_publish(alarm: str, topic: Mapping[str, Any], arn: str) -> bool:
    """Return True if the topic's policy and that of its key permit CloudWatch to publish for the alarm."""
    wanted = [("sns:Publish", arn)]
    if key := topic.get("attributes", {}).get("KmsMasterKeyId"):
        found = ministack("services.kms")._resolve_key(key) or {"Arn": key}
        wanted += [("kms:Decrypt", found["Arn"]), ("kms:GenerateDataKey", found["Arn"])]
    return all(guard.serves("cloudwatch.amazonaws.com", alarm, action, resource) for action, resource in wanted)


@cache
def region_name(region: str) -> str:
    """Return a region's name in CloudWatch's notifications, e.g. `US East (N. Virginia)`."""
    partitions = botocore.session.get_session().get_data("endpoints")["partitions"]
    for partition in partitions:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region


def moment(at: float) -> str:
    """Return a time as CloudWatch writes it in JSON, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}+0000"


def _message(alarm: Alarm, before: Mapping[str, Any]) -> dict[str, Any]:
    account, region = scope()
    return {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": moment(alarm["StateUpdatedTimestamp"]),
        "Region": region_name(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": before["StateValue"],
        "OKActions": alarm.get("OKActions", []),
        "AlarmActions": alarm.get("AlarmActions", []),
        "InsufficientDataActions": alarm.get("InsufficientDataActions", []),
        "Trigger": _trigger(alarm),
    }


def _trigger(alarm: Alarm) -> dict[str, Any]:
    common = {
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm"),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData", ""),
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile", ""),
    }
    common = {name: value for name, value in common.items() if value is not None}
    if alarm.get("Metrics"):
        return common | {"Metrics": alarm["Metrics"]}
    extended = alarm.get("ExtendedStatistic")
    return common | {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        "ExtendedStatistic" if extended else "Statistic": extended or _upper(alarm["Statistic"]),
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": d["Value"], "name": d["Name"]} for d in alarm.get("Dimensions", ())],
    }


def _upper(statistic: str) -> str:
    return "SAMPLE_COUNT" if statistic == "SampleCount" else statistic.upper()


def _detail(alarm: Alarm, before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "alarmName": alarm["AlarmName"],
        "state": _state(alarm),
        "previousState": _state(before),
        "configuration": {"description": alarm.get("AlarmDescription", ""), "metrics": _metrics(alarm)},
    }


def _state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = {
        "value": alarm["StateValue"],
        "reason": alarm["StateReason"],
        "timestamp": moment(alarm["StateUpdatedTimestamp"]),
    }
    return state | ({"reasonData": alarm["StateReasonData"]} if alarm.get("StateReasonData") else {})


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    if not alarm.get("Metrics"):
        named = {d["Name"]: d["Value"] for d in alarm.get("Dimensions", ())}
        metric = {"namespace": alarm["Namespace"], "name": alarm["MetricName"], "dimensions": named}
        stat = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        return [
            {"id": "m1", "metricStat": {"metric": metric, "period": alarm["Period"], "stat": stat}, "returnData": True}
        ]
    listed = []
    for query in alarm["Metrics"]:
        shown: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
        if "Expression" in query:
            shown["expression"] = query["Expression"]
        else:
            stat = query["MetricStat"]
            named = {d["Name"]: d["Value"] for d in stat["Metric"].get("Dimensions", ())}
            metric = {"namespace": stat["Metric"]["Namespace"], "name": stat["Metric"]["MetricName"]}
            shown["metricStat"] = {
                "metric": metric | {"dimensions": named},
                "period": stat["Period"],
                "stat": stat["Stat"],
            }
        listed.append(shown)
    return listed
