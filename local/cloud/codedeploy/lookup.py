"""Helpers of the operations: they find records, raise CodeDeploy's errors, and page listings."""

from collections.abc import Sequence
from typing import Any

from botocore.model import OperationModel  # type: ignore[import-untyped]

from local.cloud.codedeploy.records import Application, Configuration, Group, Record, Region, region_of
from local.cloud.metrics.service import scope
from local.cloud.violations import Violation
from local.cloud.wire import ServiceError

PAGE = 100
_ALIASES = {
    "currentDeploymentGroupName": "DeploymentGroupName",
    "newDeploymentGroupName": "DeploymentGroupName",
    "newApplicationName": "ApplicationName",
    "serviceRoleArn": "Role",
    "ResourceArn": "Arn",
    "includeOnlyStatuses": "DeploymentStatus",
    "revisionType": "Revision",
    "targetId": "DeploymentTargetId",
    "events": "AutoRollbackConfig",
    "triggerEvents": "TriggerConfig",
    "status": "LifecycleEventHookExecutionStatus",
}


def refuse(operation: OperationModel, found: list[Violation]) -> ServiceError:
    """Return the error of the operation's model for the first violation, such as InvalidComputePlatformException."""
    violation = found[0]
    modelled = {shape.name for shape in operation.error_shapes}
    own = f"{violation.member[0].upper()}{violation.member[1:]}"
    other = _ALIASES.get(violation.member, own)
    endings = [f"{name}Required" for name in (own, other)] if violation.missing else []
    endings += [f"Invalid{name}" for name in (own, other)]
    codes = [f"{ending}Exception" for ending in endings]
    code = next((code for code in codes if code in modelled), "InvalidInputException")
    return ServiceError(code, f"{violation.member}: {violation}")


def here() -> Region:
    """Return the records of the request's account and region."""
    return region_of(*scope())


def application(region: Region, name: str) -> Application:
    """Return the application. Raises ApplicationDoesNotExistException."""
    found = region.applications.get(name)
    if found is None:
        raise ServiceError("ApplicationDoesNotExistException", f"No application found for name: {name}")
    return found


def group(region: Region, application_name: str, name: str) -> Group:
    """Return the group. Raises the exception for an application or group that does not exist."""
    found = application(region, application_name).groups.get(name)
    if found is None:
        raise ServiceError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
    return found


def configuration(region: Region, name: str) -> Configuration:
    """Return the deployment configuration. Raises DeploymentConfigDoesNotExistException."""
    found = region.configurations.get(name)
    if found is None:
        raise ServiceError(
            "DeploymentConfigDoesNotExistException", f"No Deployment Configuration found for name: {name}"
        )
    return found


def deployment(region: Region, identifier: str | None) -> Record:
    """Return the deployment. Raises the exception for an id that is invalid or unknown."""
    if not identifier:
        raise ServiceError("DeploymentIdRequiredException", "The deployment ID is required.")
    if not (identifier.startswith("d-") and identifier[2:].isalnum()):
        raise ServiceError("InvalidDeploymentIdException", f"Invalid deployment ID: {identifier}")
    found = region.deployments.get(identifier)
    if found is None:
        raise ServiceError(
            "DeploymentDoesNotExistException", f"The deployment {identifier} could not be found.", status=400
        )
    return found


def page(items: Sequence[Any], token: str | None) -> tuple[list[Any], str | None]:
    """Return one page of a listing, and the token of the next."""
    if token is not None and not token.isdigit():
        raise ServiceError("InvalidNextTokenException", f"The nextToken {token!r} is not one that was given out.")
    start = int(token or 0)
    return list(items[start : start + PAGE]), str(start + PAGE) if len(items) > start + PAGE else None
