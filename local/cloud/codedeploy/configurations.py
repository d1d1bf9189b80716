"""The operations on deployment configurations.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
"""

from typing import Any

from local.cloud.codedeploy import lookup
from local.cloud.codedeploy.records import LOCK, PREDEFINED, Configuration
from local.cloud.wire import ServiceError

LONGEST_MINUTES = 2880
MOST_PERCENT = 99


def _create(request: dict[str, Any]) -> dict[str, Any]:
    region, name = lookup.here(), request["deploymentConfigName"]
    if name.startswith(PREDEFINED):
        raise ServiceError("InvalidDeploymentConfigNameException", f"A name cannot start with {PREDEFINED}: {name}")
    check_platform(request.get("computePlatform"))
    if "minimumHealthyHosts" in request or "zonalConfig" in request:
        raise ServiceError("InvalidMinimumHealthyHostValueException", "A Lambda configuration has no healthy hosts.")
    made = Configuration(name, _routing(request.get("trafficRoutingConfig")))
    with LOCK:
        if name in region.configurations:
            raise ServiceError(
                "DeploymentConfigAlreadyExistsException", f"Deployment Configuration already exists: {name}"
            )
        region.configurations[name] = made
    return {"deploymentConfigId": made.id}


def check_platform(platform: str | None) -> None:
    """Raise InvalidComputePlatformException for another platform than Lambda; the default is Server."""
    if platform != "Lambda":
        raise ServiceError(
            "InvalidComputePlatformException",
            f"computePlatform {platform or 'Server (the default)'} is not imitated by the local cloud: use Lambda",
        )


def _routing(routing: dict[str, Any] | None) -> dict[str, Any]:
    if not routing or "type" not in routing:
        raise _wrong("trafficRoutingConfig with a type is required for the Lambda platform")
    kind = routing["type"]
    if kind == "AllAtOnce":
        if len(routing) > 1:
            raise _wrong("AllAtOnce takes neither timeBasedCanary nor timeBasedLinear")
        return {"type": kind}
    member, prefix = ("timeBasedCanary", "canary") if kind == "TimeBasedCanary" else ("timeBasedLinear", "linear")
    given = routing.get(member) or {}
    percent, minutes = given.get(f"{prefix}Percentage"), given.get(f"{prefix}Interval")
    if set(routing) != {"type", member} or percent is None or minutes is None:
        raise _wrong(f"{kind} takes {member} with {prefix}Percentage and {prefix}Interval, and nothing else")
    if not 1 <= percent <= MOST_PERCENT:
        raise _wrong(f"{prefix}Percentage {percent} is out of range: it must be from 1 to {MOST_PERCENT}")
    steps = 1 if prefix == "canary" else -(-100 // percent) - 1
    if minutes < 1 or minutes * steps > LONGEST_MINUTES:
        raise _wrong(
            f"{prefix}Interval {minutes} is out of range: from 1, and at most {LONGEST_MINUTES} minutes in all"
        )
    return {"type": kind, member: {f"{prefix}Percentage": percent, f"{prefix}Interval": minutes}}


def _wrong(message: str) -> ServiceError:
    return ServiceError("InvalidTrafficRoutingConfigurationException", message)


def _get(request: dict[str, Any]) -> dict[str, Any]:
    found = lookup.configuration(lookup.here(), request["deploymentConfigName"])
    return {
        "deploymentConfigInfo": {
            "deploymentConfigId": found.id,
            "deploymentConfigName": found.name,
            "createTime": found.created,
            "computePlatform": "Lambda",
            "trafficRoutingConfig": found.routing,
        }
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    names, token = lookup.page(sorted(lookup.here().configurations), request.get("nextToken"))
    return {"deploymentConfigsList": names, "nextToken": token}


def _delete(request: dict[str, Any]) -> None:
    region, name = lookup.here(), request["deploymentConfigName"]
    if name.startswith(PREDEFINED):
        raise ServiceError("InvalidOperationException", f"A predefined configuration cannot be deleted: {name}")
    with LOCK:
        users = [
            f"{application.name}/{group.name}"
            for application in region.applications.values()
            for group in application.groups.values()
            if group.settings["deploymentConfigName"] == name
        ]
        if users:
            raise ServiceError("DeploymentConfigInUseException", f"{name} is used by {', '.join(users)}")
        region.configurations.pop(name, None)
        region.tags.pop(region.arn(f"deploymentconfig:{name}"), None)


OPERATIONS = {
    "CreateDeploymentConfig": _create,
    "GetDeploymentConfig": _get,
    "ListDeploymentConfigs": _list,
    "DeleteDeploymentConfig": _delete,
}
