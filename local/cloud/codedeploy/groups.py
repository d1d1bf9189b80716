"""The operations on deployment groups.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeploymentGroup.html
"""

from collections.abc import Mapping
from typing import Any

from local.cloud.codedeploy import lookup
from local.cloud.codedeploy.applications import forget, move_tags, tag
from local.cloud.codedeploy.aws import role_fault
from local.cloud.codedeploy.notices import TRIGGERS
from local.cloud.codedeploy.records import ALL_AT_ONCE, LOCK, Application, Group, Record, Region
from local.cloud.wire import ServiceError

MOST_ALARMS = 10
MOST_TRIGGERS = 10
_LONGEST_ALARM_NAME = 255
_BATCH = 100
_STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
_OTHER_PLATFORMS = (
    "ec2TagFilters",
    "onPremisesInstanceTagFilters",
    "autoScalingGroups",
    "blueGreenDeploymentConfiguration",
    "loadBalancerInfo",
    "ec2TagSet",
    "ecsServices",
    "onPremisesTagSet",
    "ec2DeploymentOptions",
    "terminationHookEnabled",
)
_SETTINGS = (
    "deploymentConfigName",
    "serviceRoleArn",
    "triggerConfigurations",
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "deploymentStyle",
    "outdatedInstancesStrategy",  # of no effect without instances, and sent by Terraform's provider on every create
)


def check_alarms(alarms: Mapping[str, Any] | None) -> None:
    """Raise InvalidAlarmConfigException or AlarmsLimitExceededException. Alarms need not exist."""
    if alarms is None:
        return
    names = [alarm.get("name") or "" for alarm in alarms.get("alarms", ())]
    if any(not 0 < len(name) <= _LONGEST_ALARM_NAME for name in names):
        raise ServiceError("InvalidAlarmConfigException", f"An alarm name has 1 to {_LONGEST_ALARM_NAME} characters")
    if len(set(names)) < len(names):
        raise ServiceError("InvalidAlarmConfigException", f"An alarm is named twice: {', '.join(names)}")
    if alarms.get("enabled") and not names:
        raise ServiceError("InvalidAlarmConfigException", "The alarm configuration is enabled, but has no alarms")
    if len(names) > MOST_ALARMS:
        raise ServiceError("AlarmsLimitExceededException", f"{len(names)} alarms; at most {MOST_ALARMS}")


def check_rollback(rollback: Mapping[str, Any] | None) -> None:
    """Raise InvalidAutoRollbackConfigException if the configuration is invalid."""
    if rollback is not None and rollback.get("enabled") and not rollback.get("events"):
        raise ServiceError(
            "InvalidAutoRollbackConfigException", "The automatic rollback is enabled, but has no events to act on"
        )


def _check(region: Region, settings: Mapping[str, Any]) -> None:
    for name in _OTHER_PLATFORMS:
        if settings.get(name):
            raise ServiceError("InvalidInputException", f"{name} is not for the Lambda platform")
    lookup.configuration(region, settings["deploymentConfigName"])
    if settings.get("deploymentStyle") != _STYLE:
        raise ServiceError(
            "InvalidDeploymentStyleException",
            f"A Lambda deployment group must have deploymentStyle {_STYLE}, not {settings.get('deploymentStyle')}",
        )
    if fault := role_fault(region.account, settings["serviceRoleArn"]):
        raise ServiceError("InvalidRoleException", f"Cannot assume role provided. {fault.message}")
    check_alarms(settings.get("alarmConfiguration"))
    check_rollback(settings.get("autoRollbackConfiguration"))
    triggers = settings.get("triggerConfigurations") or []
    if len(triggers) > MOST_TRIGGERS:
        raise ServiceError("TriggerTargetsLimitExceededException", f"{len(triggers)} triggers; at most {MOST_TRIGGERS}")
    for trigger in triggers:
        if not {"triggerName", "triggerTargetArn", "triggerEvents"} <= set(trigger):
            raise ServiceError("InvalidTriggerConfigException", "A trigger needs a name, a topic's ARN and events")
        if unknown := set(trigger["triggerEvents"]) - set(TRIGGERS.values()):
            raise ServiceError(
                "InvalidTriggerConfigException", f"The event {', '.join(sorted(unknown))} is not of a Lambda deployment"
            )


def _create(request: dict[str, Any]) -> dict[str, Any]:
    region, name = lookup.here(), request["deploymentGroupName"]
    settings = {key: value for key, value in request.items() if key in (*_SETTINGS, *_OTHER_PLATFORMS)}
    settings.setdefault("deploymentConfigName", ALL_AT_ONCE)
    with LOCK:
        application = lookup.application(region, request["applicationName"])
        if name in application.groups:
            raise ServiceError("DeploymentGroupAlreadyExistsException", f"Deployment Group already exists: {name}")
        _check(region, settings)
        made = application.groups[name] = Group(name, settings)
        tag(region, f"deploymentgroup:{application.name}/{name}", request.get("tags"))
    return {"deploymentGroupId": made.id}


def _update(request: dict[str, Any]) -> dict[str, Any]:
    region, old = lookup.here(), request["currentDeploymentGroupName"]
    with LOCK:
        application = lookup.application(region, request["applicationName"])
        found = lookup.group(region, application.name, old)
        changes = {key: value for key, value in request.items() if key in (*_SETTINGS, *_OTHER_PLATFORMS)}
        settings = found.settings | changes
        _check(region, settings)
        new = request.get("newDeploymentGroupName", old)
        if new != old:
            if new in application.groups:
                raise ServiceError("DeploymentGroupAlreadyExistsException", f"Deployment Group already exists: {new}")
            application.groups[new] = application.groups.pop(old)
            move_tags(region, f"deploymentgroup:{application.name}/{old}", f"deploymentgroup:{application.name}/{new}")
        found.name, found.settings = new, settings
    return {"hooksNotCleanedUp": []}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    region = lookup.here()
    with LOCK:
        application = region.applications.get(request["applicationName"])
        found = application.groups.pop(request["deploymentGroupName"], None) if application else None
        if application and found:
            forget(region, application.name, found)
    return {"hooksNotCleanedUp": []}


def _get(request: dict[str, Any]) -> dict[str, Any]:
    region = lookup.here()
    with LOCK:
        application = lookup.application(region, request["applicationName"])
        found = lookup.group(region, application.name, request["deploymentGroupName"])
        return {"deploymentGroupInfo": _info(region, application, found)}


def _info(region: Region, application: Application, group: Group) -> dict[str, Any]:
    records = region.of_group(group)
    good = [record for record in records if record.machine.status == "Succeeded"]
    return {
        "triggerConfigurations": [],
        "alarmConfiguration": {"enabled": False, "ignorePollAlarmFailure": False, "alarms": []},
        "autoRollbackConfiguration": {"enabled": False, "events": []},
        "outdatedInstancesStrategy": "UPDATE",
        **group.settings,
        "applicationName": application.name,
        "deploymentGroupId": group.id,
        "deploymentGroupName": group.name,
        "computePlatform": "Lambda",
        "terminationHookEnabled": False,
        "targetRevision": good[-1].revision if good else None,
        "lastSuccessfulDeployment": _last(good),
        "lastAttemptedDeployment": _last(records),
    }


def _last(records: list[Record]) -> dict[str, Any] | None:
    if not records:
        return None
    last = records[-1]
    return {
        "deploymentId": last.id,
        "status": last.machine.status,
        "endTime": last.machine.ended,
        "createTime": last.created,
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    application = lookup.application(lookup.here(), request["applicationName"])
    names, token = lookup.page(sorted(application.groups), request.get("nextToken"))
    return {"applicationName": application.name, "deploymentGroups": names, "nextToken": token}


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    names = request["deploymentGroupNames"]
    if len(names) > _BATCH:
        raise ServiceError("BatchLimitExceededException", f"{len(names)} deployment groups; at most {_BATCH} at once")
    region = lookup.here()
    with LOCK:
        application = lookup.application(region, request["applicationName"])
        found = [application.groups[name] for name in names if name in application.groups]
        missing = [name for name in names if name not in application.groups]
        return {
            "deploymentGroupsInfo": [_info(region, application, group) for group in found],
            "errorMessage": f"No Deployment Group found for name: {', '.join(missing)}" if missing else None,
        }


OPERATIONS = {
    "CreateDeploymentGroup": _create,
    "UpdateDeploymentGroup": _update,
    "DeleteDeploymentGroup": _delete,
    "GetDeploymentGroup": _get,
    "ListDeploymentGroups": _list,
    "BatchGetDeploymentGroups": _batch_get,
}
