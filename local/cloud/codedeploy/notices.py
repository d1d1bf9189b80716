"""Sends notices of a deployment to EventBridge and to the SNS topics of the group's triggers.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html
"""

import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

from local.cloud.alarms.actions import put_event
from local.cloud.codedeploy.records import Record, Region
from local.cloud.ministack import ministack

TRIGGERS = {
    "START": "DeploymentStart",
    "SUCCESS": "DeploymentSuccess",
    "FAILURE": "DeploymentFailure",
    "STOP": "DeploymentStop",
    "ROLLBACK": "DeploymentRollback",
}
_STATUS = {"START": "CREATED", "ROLLBACK": "IN_PROGRESS"}
_ENDS = frozenset({"SUCCESS", "FAILURE", "STOP"})
_LOG = logging.getLogger(__name__)


def announce(region: Region, record: Record, state: str) -> None:
    """Send a notice of START, SUCCESS, FAILURE or STOP; of ROLLBACK to triggers only. Never fails."""
    application, group = record.application.name, record.group.name
    if state != "ROLLBACK":
        detail = {
            "region": region.name,
            "deploymentId": record.id,
            "instanceGroupId": record.group.id,
            "deploymentGroup": group,
            "state": state,
            "application": application,
        }
        arns = [region.arn(f"application:{application}"), region.arn(f"deploymentgroup:{application}/{group}")]
        put_event("aws.codedeploy", "CodeDeploy Deployment State-change Notification", detail, arns)
    trigger_event = TRIGGERS[state]
    for trigger in record.group.settings.get("triggerConfigurations", ()):
        if trigger_event in trigger["triggerEvents"]:
            _notify(trigger, _message(region, record, trigger["triggerName"], state))


def _notify(trigger: dict[str, Any], message: dict[str, Any]) -> None:
    sns: Any = ministack("services.sns")
    named, home = f"{message['deploymentId']} in {message['region']}", message["applicationName"]
    subject = f"{message['status']}: AWS CodeDeploy {named} to {home}"
    try:
        sns._fanout(trigger["triggerTargetArn"], str(uuid.uuid4()), json.dumps(message), subject[:100])
    except Exception:
        _LOG.exception("the notification of %s was lost", trigger["triggerTargetArn"])


def _message(region: Region, record: Record, name: str, state: str) -> dict[str, Any]:
    """As captured from AWS: members in this order, and those that hold JSON as text.

    Fri Oct 07 19:50:41 UTC 2016 is a time, CREATED the status of a start, IN_PROGRESS that of a rollback.
    """
    machine = record.machine
    ended = state in _ENDS
    message: dict[str, Any] = {
        "region": region.name,
        "accountId": region.account,
        "eventTriggerName": name,
        "applicationName": record.application.name,
        "deploymentId": record.id,
        "deploymentGroupName": record.group.name,
        "createTime": _time(record.created),
        "completeTime": _time(machine.ended) if ended and machine.ended else None,
    }
    if ended:
        done = int(machine.status == "Succeeded")
        counts = {"Succeeded": done, "Failed": 1 - done, "Skipped": 0, "InProgress": 0, "Pending": 0}
        message["deploymentOverview"] = _text(counts)
    message["status"] = _STATUS.get(state) or machine.status.upper()
    if ended and machine.fault:
        message["errorInformation"] = _text({"ErrorCode": machine.fault.code, "ErrorMessage": machine.fault.message})
    if record.triggered_by:
        text = f"Deployment {record.id} is triggered to roll back deployment {record.triggered_by}."
        back = {"RollbackMessage": text, "RollbackTriggeringDeploymentId": record.triggered_by}
        message["rollbackInformation"] = _text(back)
    elif state in {"FAILURE", "STOP"}:
        message["rollbackInformation"] = _text({})
    return message


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
