"""Sends the events of a deployment to EventBridge.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
"""

from local.cloud.alarms.actions import put_event
from local.cloud.codedeploy.records import Record, Region


def announce(region: Region, record: Record, state: str) -> None:
    """Send an event of a change of state: START, SUCCESS, FAILURE or STOP. Never fails."""
    application, group = record.application.name, record.group.name
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
