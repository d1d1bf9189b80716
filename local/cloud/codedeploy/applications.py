"""The operations on applications and tags."""

from typing import Any

from local.cloud.codedeploy import lookup
from local.cloud.codedeploy.configurations import check_platform
from local.cloud.codedeploy.records import LOCK, Application, Group, Region
from local.cloud.wire import ServiceError

_MOST_TAGS = 50
_BATCH = 100


def _create(request: dict[str, Any]) -> dict[str, Any]:
    region, name = lookup.here(), request["applicationName"]
    check_platform(request.get("computePlatform"))
    with LOCK:
        if name in region.applications:
            raise ServiceError("ApplicationAlreadyExistsException", f"Application already exists: {name}")
        made = region.applications[name] = Application(name)
        tag(region, f"application:{name}", request.get("tags"))
    return {"applicationId": made.id}


def _get(request: dict[str, Any]) -> dict[str, Any]:
    return {"application": _info(lookup.application(lookup.here(), request["applicationName"]))}


def _info(application: Application) -> dict[str, Any]:
    return {
        "applicationId": application.id,
        "applicationName": application.name,
        "createTime": application.created,
        "linkedToGitHub": False,
        "computePlatform": "Lambda",
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    names, token = lookup.page(sorted(lookup.here().applications), request.get("nextToken"))
    return {"applications": names, "nextToken": token}


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    names = request["applicationNames"]
    if len(names) > _BATCH:
        raise ServiceError("BatchLimitExceededException", f"{len(names)} applications; at most {_BATCH} at once")
    return {"applicationsInfo": [_info(lookup.application(lookup.here(), name)) for name in names]}


def _update(request: dict[str, Any]) -> None:
    region, old, new = lookup.here(), request.get("applicationName"), request.get("newApplicationName")
    if not old or not new:
        raise ServiceError("ApplicationNameRequiredException", "Both applicationName and newApplicationName are needed")
    with LOCK:
        found = lookup.application(region, old)
        if new in region.applications:
            raise ServiceError("ApplicationAlreadyExistsException", f"Application already exists: {new}")
        region.applications[new] = region.applications.pop(old)
        found.name = new
        move_tags(region, f"application:{old}", f"application:{new}")
        for group in found.groups:
            move_tags(region, f"deploymentgroup:{old}/{group}", f"deploymentgroup:{new}/{group}")


def _delete(request: dict[str, Any]) -> None:
    region, name = lookup.here(), request["applicationName"]
    with LOCK:
        found = region.applications.pop(name, None)
        region.tags.pop(region.arn(f"application:{name}"), None)
        for group in list(found.groups.values()) if found else ():
            forget(region, name, group)


def forget(region: Region, application: str, group: Group) -> None:
    """Remove the records of a group: its deployments and tags. A running canary leaves the alias as it is."""
    for record in region.of_group(group):
        del region.deployments[record.id]
    region.tags.pop(region.arn(f"deploymentgroup:{application}/{group.name}"), None)


# Tags


def tag(region: Region, resource: str, tags: list[dict[str, str]] | None) -> None:
    """Add tags to a resource such as `application:A`. Raises InvalidTagsToAddException."""
    wanted = {item.get("Key", ""): item.get("Value", "") for item in tags or ()}
    for key in wanted:
        if not key or key.startswith("aws:"):
            raise ServiceError("InvalidTagsToAddException", f"The tag key {key!r} is empty or starts with aws:")
    merged = region.tags.get(region.arn(resource), {}) | wanted
    if len(merged) > _MOST_TAGS:
        raise ServiceError("InvalidTagsToAddException", f"{len(merged)} tags; at most {_MOST_TAGS}")
    if merged:
        region.tags[region.arn(resource)] = merged


def move_tags(region: Region, old: str, new: str) -> None:
    """Move the tags of a renamed resource to its new ARN."""
    tags = region.tags.pop(region.arn(old), None)
    if tags:
        region.tags[region.arn(new)] = tags


def _resource(region: Region, arn: str) -> str:
    """Return the part of the ARN after the account, of something that exists."""
    prefix = region.arn("")
    if not arn.startswith(prefix):
        raise ServiceError("InvalidArnException", f"{arn} is not an ARN of CodeDeploy in this account and region")
    kind, _, name = arn.removeprefix(prefix).partition(":")
    if kind == "application":
        lookup.application(region, name)
    elif kind == "deploymentgroup":
        lookup.group(region, *name.partition("/")[::2])
    elif kind == "deploymentconfig":
        lookup.configuration(region, name)
    else:
        raise ServiceError("ArnNotSupportedException", f"{arn} cannot be tagged")
    return f"{kind}:{name}"


def _tag_resource(request: dict[str, Any]) -> None:
    region = lookup.here()
    with LOCK:
        tag(region, _resource(region, request["ResourceArn"]), request["Tags"])


def _untag_resource(request: dict[str, Any]) -> None:
    region = lookup.here()
    with LOCK:
        tags = region.tags.get(region.arn(_resource(region, request["ResourceArn"])), {})
        for key in request["TagKeys"]:
            tags.pop(key, None)


def _list_tags(request: dict[str, Any]) -> dict[str, Any]:
    region = lookup.here()
    tags = region.tags.get(region.arn(_resource(region, request["ResourceArn"])), {})
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


OPERATIONS = {
    "CreateApplication": _create,
    "GetApplication": _get,
    "ListApplications": _list,
    "BatchGetApplications": _batch_get,
    "UpdateApplication": _update,
    "DeleteApplication": _delete,
    "TagResource": _tag_resource,
    "UntagResource": _untag_resource,
    "ListTagsForResource": _list_tags,
}
