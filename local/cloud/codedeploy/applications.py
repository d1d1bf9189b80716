"""The operations on applications, their revisions, and tags."""

from collections.abc import Callable, Mapping
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.codedeploy import lookup
from local.cloud.codedeploy.appspec import AppSpecError, of_revision
from local.cloud.codedeploy.configurations import check_platform
from local.cloud.codedeploy.records import LOCK, Application, Group, Region, Revision
from local.cloud.wire import ServiceError

LONGEST_DESCRIPTION = 256
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
    """Remove what is known of a group: its deployments and tags. A running canary leaves the alias as it is."""
    for record in region.of_group(group):
        del region.deployments[record.id]
    region.tags.pop(region.arn(f"deploymentgroup:{application}/{group.name}"), None)


# Revisions


def check_description(request: Mapping[str, Any]) -> None:
    """Raises DescriptionTooLongException."""
    length = len(request.get("description") or "")
    if length > LONGEST_DESCRIPTION:
        raise ServiceError(
            "DescriptionTooLongException", f"The description has {length} characters; at most {LONGEST_DESCRIPTION}"
        )


def registered(application: Application, location: dict[str, Any], description: str | None = None) -> Revision:
    """The revision as it is registered, from now on if it was not. Raises InvalidRevisionException."""
    try:
        of_revision(location)
    except AppSpecError as error:
        raise ServiceError("InvalidRevisionException", str(error)) from error
    found = _find(application, location)
    if found is None:
        found = Revision(location, description)
        application.revisions.append(found)
    return found


def _find(application: Application, location: dict[str, Any]) -> Revision | None:
    return next((revision for revision in application.revisions if revision.location == location), None)


def _register_revision(request: dict[str, Any]) -> None:
    check_description(request)
    with LOCK:
        found = registered(
            lookup.application(lookup.here(), request["applicationName"]),
            request["revision"],
            request.get("description"),
        )
        found.registered = CLOCK.now()


def _get_revision(request: dict[str, Any]) -> dict[str, Any]:
    application = lookup.application(lookup.here(), request["applicationName"])
    found = _find(application, request["revision"])
    if found is None:
        raise ServiceError("RevisionDoesNotExistException", "No revision found for the given location")
    return {
        "applicationName": application.name,
        "revision": found.location,
        "revisionInfo": {
            "description": found.description,
            "deploymentGroups": found.groups,
            "firstUsedTime": found.first_used,
            "lastUsedTime": found.last_used,
            "registerTime": found.registered,
        },
    }


def _list_revisions(request: dict[str, Any]) -> dict[str, Any]:
    application = lookup.application(lookup.here(), request["applicationName"])
    deployed = request.get("deployed", "ignore")
    keys: dict[str, Callable[[Revision], float]] = {
        "registerTime": lambda revision: revision.registered,
        "firstUsedTime": lambda revision: revision.first_used or 0,
        "lastUsedTime": lambda revision: revision.last_used or 0,
    }
    found = [
        revision
        for revision in application.revisions
        if deployed == "ignore" or (deployed == "include") == (revision.first_used is not None)
    ]
    if "sortBy" in request:
        found.sort(key=keys[request["sortBy"]], reverse=request.get("sortOrder") == "descending")
    locations, token = lookup.page([revision.location for revision in found], request.get("nextToken"))
    return {"revisions": locations, "nextToken": token}


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
    """Take the tags of a renamed resource along."""
    tags = region.tags.pop(region.arn(old), None)
    if tags:
        region.tags[region.arn(new)] = tags


def _resource(region: Region, arn: str) -> str:
    """The part of the ARN after the account, of something that exists."""
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
    "RegisterApplicationRevision": _register_revision,
    "GetApplicationRevision": _get_revision,
    "ListApplicationRevisions": _list_revisions,
    "TagResource": _tag_resource,
    "UntagResource": _untag_resource,
    "ListTagsForResource": _list_tags,
}
