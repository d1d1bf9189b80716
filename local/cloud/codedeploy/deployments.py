"""The operations on deployments, their targets and hooks.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html
"""

from collections.abc import Mapping
from typing import Any

from local.cloud.codedeploy import lookup
from local.cloud.codedeploy.driver import DRIVER
from local.cloud.codedeploy.groups import check_alarms, check_rollback
from local.cloud.codedeploy.machine import Deployment, Phase, Plan, Stop
from local.cloud.codedeploy.records import LOCK, Group, Record, Region
from local.cloud.codedeploy.revisions import check_description, deployable, registered
from local.cloud.timeline import TIMELINE
from local.cloud.wire import ServiceError

_BATCH = 100
_TARGET_BATCH = 100
_ANSWERS = frozenset({"Succeeded", "Failed"})
_SHOWN = ("description", "overrideAlarmConfiguration", "ignoreApplicationStopFailures", "updateOutdatedInstancesOnly")
_TARGET_STATUS = {
    Phase.CREATED: "Pending",
    Phase.SUCCEEDED: "Succeeded",
    Phase.FAILED: "Failed",
    Phase.STOPPED: "Failed",
}


def _create(request: dict[str, Any]) -> dict[str, Any]:
    region = lookup.here()
    check_description(request)
    check_alarms(request.get("overrideAlarmConfiguration"))
    check_rollback(request.get("autoRollbackConfiguration"))
    if request.get("targetInstances"):
        raise ServiceError("InvalidTargetInstancesException", "targetInstances is not for the Lambda platform")
    with LOCK:
        application = lookup.application(region, request["applicationName"])
        if "deploymentGroupName" not in request:
            raise ServiceError("DeploymentGroupNameRequiredException", "The deployment group name is required.")
        group = lookup.group(region, application.name, request["deploymentGroupName"])
        if "revision" not in request:
            raise ServiceError("RevisionRequiredException", "The revision is required.")
        revision = registered(application, request["revision"])
        name = request.get("deploymentConfigName", group.settings["deploymentConfigName"])
        configuration = lookup.configuration(region, name)
        if active := next((record for record in region.of_group(group) if not record.machine.over), None):
            raise ServiceError(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{group.name}' already has an active Deployment '{active.id}'",
            )
        spec = deployable(request["revision"])
        good = region.last_good(group, spec)
        rollback = request.get("autoRollbackConfiguration", group.settings.get("autoRollbackConfiguration"))
        alarms = request.get("overrideAlarmConfiguration", group.settings.get("alarmConfiguration"))
        plan = Plan(configuration.turns(), spec.hooks, *_watched(alarms), _roll_back_on(rollback))
        record = Record(
            application,
            group,
            name,
            request["revision"],
            spec,
            Deployment(plan),
            {key: request[key] for key in _SHOWN if key in request} | {"autoRollbackConfiguration": rollback},
            previous=good.revision if good else None,
        )
        region.deployments[record.id] = record
        revision.first_used = revision.first_used or record.created
        revision.last_used = record.created
        revision.groups = sorted({*revision.groups, group.name})
    DRIVER.wake()
    return {"deploymentId": record.id}


def _watched(alarms: Mapping[str, Any] | None) -> tuple[tuple[str, ...], bool]:
    """Return the alarms that can stop the deployment, and True if it goes on when they cannot be read."""
    if not alarms or not alarms.get("enabled"):
        return (), False
    return tuple(alarm["name"] for alarm in alarms["alarms"]), bool(alarms.get("ignorePollAlarmFailure"))


def _roll_back_on(rollback: Mapping[str, Any] | None) -> frozenset[str]:
    return frozenset(rollback["events"]) if rollback and rollback.get("enabled") else frozenset()


def _get(request: dict[str, Any]) -> dict[str, Any]:
    with LOCK:
        return {"deploymentInfo": _info(lookup.deployment(lookup.here(), request["deploymentId"]))}


def _info(record: Record) -> dict[str, Any]:
    machine = record.machine
    status = _target_status(machine)
    counts = {
        name: int(name == status) for name in ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")
    }
    fault = machine.fault
    return {
        "ignoreApplicationStopFailures": False,
        "updateOutdatedInstancesOnly": False,
        **record.request,
        "applicationName": record.application.name,
        "deploymentGroupName": record.group.name,
        "deploymentConfigName": record.configuration,
        "deploymentId": record.id,
        "previousRevision": record.previous,
        "revision": record.revision,
        "status": machine.status,
        "errorInformation": {"code": fault.code, "message": fault.message} if fault else None,
        "createTime": record.created,
        "startTime": machine.started,
        "completeTime": machine.ended,
        "deploymentOverview": counts if machine.started else None,
        "creator": record.creator,
        "rollbackInfo": _rollback_info(record),
        "deploymentStyle": record.group.settings["deploymentStyle"],
        "instanceTerminationWaitTimeStarted": False,
        "fileExistsBehavior": "DISALLOW",
        "deploymentStatusMessages": [],
        "computePlatform": "Lambda",
    }


def _rollback_info(record: Record) -> dict[str, Any]:
    if record.triggered_by:
        return {
            "rollbackTriggeringDeploymentId": record.triggered_by,
            "rollbackMessage": f"Deployment {record.id} is triggered to roll back deployment {record.triggered_by}.",
        }
    if record.rolled_back_by:
        return {
            "rollbackDeploymentId": record.rolled_back_by,
            "rollbackMessage": f"Deployment {record.id} terminated. Automatic rollback is triggered with a "
            f"DeploymentId {record.rolled_back_by}.",
        }
    return {}


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    identifiers = request["deploymentIds"]
    if len(identifiers) > _BATCH:
        raise ServiceError("BatchLimitExceededException", f"{len(identifiers)} deployments; at most {_BATCH} at once")
    region = lookup.here()
    with LOCK:
        return {
            "deploymentsInfo": [_info(region.deployments[each]) for each in identifiers if each in region.deployments]
        }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    region = lookup.here()
    application, name = request.get("applicationName"), request.get("deploymentGroupName")
    if (application is None) != (name is None):
        which = "DeploymentGroupName" if name is None else "ApplicationName"
        raise ServiceError(f"{which}RequiredException", "Application and deployment group must be given together.")
    times = request.get("createTimeRange", {})
    first, last = times.get("start", 0), times.get("end", float("inf"))
    if first > last:
        raise ServiceError("InvalidTimeRangeException", "The start of createTimeRange is after its end.")
    statuses = request.get("includeOnlyStatuses")
    with LOCK:
        group: Group | None = lookup.group(region, application, name) if application and name else None
        found = [
            record.id
            for record in reversed(region.deployments.values())
            if (group is None or record.group is group)
            and (not statuses or record.machine.status in statuses)
            and first <= record.created <= last
        ]
    identifiers, token = lookup.page(found, request.get("nextToken"))
    return {"deployments": identifiers, "nextToken": token}


def _stop(request: dict[str, Any]) -> dict[str, Any]:
    region = lookup.here()
    with LOCK:
        record = lookup.deployment(region, request["deploymentId"])
        if record.machine.over:
            raise ServiceError(
                "DeploymentAlreadyCompletedException", f"The deployment {record.id} has already completed."
            )
        record.stop = Stop(request.get("autoRollbackEnabled"))
    DRIVER.wake()
    return {"status": "Pending", "statusMessage": "The deployment is being stopped."}


def _continue(request: dict[str, Any]) -> None:
    record = lookup.deployment(lookup.here(), request.get("deploymentId"))
    raise ServiceError(
        "UnsupportedActionForDeploymentTypeException",
        f"The deployment {record.id} is of the Lambda platform, which never waits to be continued.",
    )


def _answer_hook(request: dict[str, Any]) -> dict[str, Any]:
    region, execution, status = lookup.here(), request.get("lifecycleEventHookExecutionId"), request.get("status")
    with LOCK:
        record = lookup.deployment(region, request.get("deploymentId"))
        event = record.executions.get(execution or "")
        if event is None:
            raise ServiceError(
                "InvalidLifecycleEventHookExecutionIdException",
                f"The deployment {record.id} has no such hook execution.",
            )
        if status not in _ANSWERS:
            raise ServiceError(
                "InvalidLifecycleEventHookExecutionStatusException",
                f"The status {status} is not one of Succeeded and Failed.",
            )
        late = record.machine.due is not None and TIMELINE.now() >= record.machine.due
        if event in record.answers or late or not record.machine.awaits(event):
            raise ServiceError(
                "LifecycleEventAlreadyCompletedException", f"The lifecycle event {event} has already completed."
            )
        record.answers[event] = status
    DRIVER.wake()
    return {"lifecycleEventHookExecutionId": execution}


# Targets


def _target_id(record: Record) -> str:
    return f"{record.spec.function}:{record.spec.alias}"


def _target_status(machine: Deployment) -> str:
    return _TARGET_STATUS.get(machine.phase, "InProgress")


def _started(region: Region, identifier: str) -> Record:
    record = lookup.deployment(region, identifier)
    if record.machine.started is None:
        raise ServiceError("DeploymentNotStartedException", f"The deployment {identifier} has not started.")
    return record


def _list_targets(request: dict[str, Any]) -> dict[str, Any]:
    with LOCK:
        record = _started(lookup.here(), request["deploymentId"])
        wanted = request.get("targetFilters", {}).get("TargetStatus")
        shown = not wanted or _target_status(record.machine) in wanted
        return {"targetIds": [_target_id(record)] if shown else []}


def _get_target(request: dict[str, Any]) -> dict[str, Any]:
    region = lookup.here()
    with LOCK:
        return {"deploymentTarget": _target(region, _started(region, request["deploymentId"]), request["targetId"])}


def _batch_get_targets(request: dict[str, Any]) -> dict[str, Any]:
    region, identifiers = lookup.here(), request["targetIds"]
    if len(identifiers) > _TARGET_BATCH:
        raise ServiceError(
            "DeploymentTargetListSizeExceededException", f"{len(identifiers)} targets; at most {_TARGET_BATCH} at once"
        )
    with LOCK:
        record = _started(region, request["deploymentId"])
        return {"deploymentTargets": [_target(region, record, each) for each in identifiers]}


def _target(region: Region, record: Record, identifier: str) -> dict[str, Any]:
    if identifier not in {_target_id(record), record.spec.function}:
        raise ServiceError(
            "DeploymentTargetDoesNotExistException",
            f"The deployment {record.id} has no target {identifier}; its target is {_target_id(record)}.",
        )
    machine, spec = record.machine, record.spec
    noted = [event.ended or event.started or 0.0 for event in machine.events.values()]
    return {
        "deploymentTargetType": "LambdaTarget",
        "lambdaTarget": {
            "deploymentId": record.id,
            "targetId": identifier,
            "targetArn": f"arn:aws:lambda:{region.name}:{region.account}:function:{spec.function}:{spec.alias}",
            "status": _target_status(machine),
            "lastUpdatedAt": max(*noted, machine.started or 0.0),
            "lifecycleEvents": [
                {
                    "lifecycleEventName": name,
                    "status": event.status,
                    "startTime": event.started,
                    "endTime": event.ended,
                    "diagnostics": {
                        "errorCode": "UnknownError",
                        "scriptName": machine.plan.hooks.get(name, ""),
                        "message": event.message,
                        "logTail": "",
                    }
                    if event.message
                    else None,
                }
                for name, event in machine.events.items()
            ],
            "lambdaFunctionInfo": {
                "functionName": spec.function,
                "functionAlias": spec.alias,
                "currentVersion": spec.current,
                "targetVersion": spec.target,
                "targetVersionWeight": machine.percent / 100,
            },
        },
    }


OPERATIONS = {
    "CreateDeployment": _create,
    "GetDeployment": _get,
    "BatchGetDeployments": _batch_get,
    "ListDeployments": _list,
    "StopDeployment": _stop,
    "ContinueDeployment": _continue,
    "PutLifecycleEventHookExecutionStatus": _answer_hook,
    "ListDeploymentTargets": _list_targets,
    "GetDeploymentTarget": _get_target,
    "BatchGetDeploymentTargets": _batch_get_targets,
}
