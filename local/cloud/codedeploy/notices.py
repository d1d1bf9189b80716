"""Who is told of a deployment: EventBridge, and the SNS topics of the group's triggers.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html
"""

import json
import logging
import uuid
from typing import Any

from local.cloud.alarms.actions import moment, put_event
from local.cloud.codedeploy.records import Record, Region
from local.cloud.patches import ministack

TRIGGERS = {
    "START": "DeploymentStart",
    "SUCCESS": "DeploymentSuccess",
    "FAILURE": "DeploymentFailure",
    "STOP": "DeploymentStop",
    "ROLLBACK": "DeploymentRollback",
}
_LOG = logging.getLogger(__name__)


def announce(region: Region, record: Record, state: str) -> None:
    """Tell of a change of state: START, SUCCESS, FAILURE or STOP, and ROLLBACK to triggers only. Never fails."""
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
            _notify(trigger, _message(region, record, trigger, trigger_event))


def _notify(trigger: dict[str, Any], message: dict[str, Any]) -> None:
    sns: Any = ministack("services.sns")
    subject = f"{message['status']}: AWS CodeDeploy {message['deploymentId']} to {message['applicationName']}"
    try:
        sns._fanout(trigger["triggerTargetArn"], str(uuid.uuid4()), json.dumps(message), subject[:100])
    except Exception:
        _LOG.exception("the notification of %s was lost", trigger["triggerTargetArn"])


def _message(region: Region, record: Record, trigger: dict[str, Any], event: str) -> dict[str, Any]:
    machine = record.machine
    message: dict[str, Any] = {
        "region": region.name,
        "accountId": region.account,
        "eventTriggerName": trigger["triggerName"],
        "eventName": event,
        "applicationName": record.application.name,
        "deploymentId": record.id,
        "deploymentGroupName": record.group.name,
        "createTime": moment(record.created),
        "completeTime": moment(machine.ended) if machine.ended else None,
        "status": machine.status.upper(),
    }
    if machine.fault:
        message["errorInformation"] = json.dumps({"ErrorCode": machine.fault.code, "Message": machine.fault.message})
    return message
