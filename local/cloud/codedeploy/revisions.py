"""The operations on an application's revisions, and what lies behind their locations.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_RevisionLocation.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.codedeploy import lookup
from local.cloud.codedeploy.appspec import AppSpec, AppSpecError, check_location, of_revision
from local.cloud.codedeploy.records import LOCK, Application, Revision
from local.cloud.ministack import Seam, ministack
from local.cloud.wire import ServiceError

LONGEST_DESCRIPTION = 256
_BATCH = 25
NEEDS = [Seam("services.lambda_svc", "_fetch_code_from_s3", "bucket key version_id")]


def check_description(request: Mapping[str, Any]) -> None:
    """Raise DescriptionTooLongException if the description is too long."""
    length = len(request.get("description") or "")
    if length > LONGEST_DESCRIPTION:
        raise ServiceError(
            "DescriptionTooLongException", f"The description has {length} characters; at most {LONGEST_DESCRIPTION}"
        )


def deployable(location: Mapping[str, Any]) -> AppSpec:
    """Return the AppSpec at a location. Raises InvalidRevisionException, RevisionDoesNotExistException."""
    try:
        return of_revision(location, _fetch)
    except AppSpecError as error:
        raise ServiceError("InvalidRevisionException", str(error)) from error


def registered(application: Application, location: dict[str, Any], description: str | None = None) -> Revision:
    """The revision as it is registered, from now on if it was not. Raises InvalidRevisionException.

    What lies in S3 is looked at when it is deployed.
    """
    if location.get("revisionType") == "S3":
        try:
            check_location(location)
        except AppSpecError as error:
            raise ServiceError("InvalidRevisionException", str(error)) from error
    else:
        deployable(location)
    found = _find(application, location)
    if found is None:
        found = Revision(location, description)
        application.revisions.append(found)
    return found


def _fetch(location: Mapping[str, Any]) -> bytes:
    """Read the revision from S3, also from another account's bucket whose policy permits it."""
    bucket, key, version = location["bucket"], location["key"], location.get("version")
    found: bytes | None = ministack("services.lambda_svc")._fetch_code_from_s3(bucket, key, version)
    if found is None:
        raise ServiceError("RevisionDoesNotExistException", f"The revision s3://{bucket}/{key} does not exist.")
    return found


def _find(application: Application, location: dict[str, Any]) -> Revision | None:
    return next((revision for revision in application.revisions if revision.location == location), None)


def _register(request: dict[str, Any]) -> None:
    check_description(request)
    with LOCK:
        found = registered(
            lookup.application(lookup.here(), request["applicationName"]),
            request["revision"],
            request.get("description"),
        )
        found.registered = CLOCK.now()


def _get(request: dict[str, Any]) -> dict[str, Any]:
    application = lookup.application(lookup.here(), request["applicationName"])
    found = _find(application, request["revision"])
    if found is None:
        raise ServiceError("RevisionDoesNotExistException", "No revision found for the given location")
    return {"applicationName": application.name, "revision": found.location, "revisionInfo": _info(found)}


def _info(revision: Revision) -> dict[str, Any]:
    return {
        "description": revision.description,
        "deploymentGroups": revision.groups,
        "firstUsedTime": revision.first_used,
        "lastUsedTime": revision.last_used,
        "registerTime": revision.registered,
    }


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetApplicationRevisions.html"""
    wanted = request["revisions"]
    if len(wanted) > _BATCH:
        raise ServiceError("BatchLimitExceededException", f"{len(wanted)} revisions; at most {_BATCH} at once")
    application = lookup.application(lookup.here(), request["applicationName"])
    found = [revision for location in wanted if (revision := _find(application, location))]
    missing = len(wanted) - len(found)
    return {
        "applicationName": application.name,
        "errorMessage": f"No revision found for {missing} of the given locations" if missing else None,
        "revisions": [{"revisionLocation": each.location, "genericRevisionInfo": _info(each)} for each in found],
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    application = lookup.application(lookup.here(), request["applicationName"])
    deployed, bucket, prefix = request.get("deployed", "ignore"), request.get("s3Bucket"), request.get("s3KeyPrefix")
    if prefix is not None and bucket is None:
        raise ServiceError("BucketNameFilterRequiredException", "A bucket name is required, but was not provided.")
    keys: dict[str, Callable[[Revision], float]] = {
        "registerTime": lambda revision: revision.registered,
        "firstUsedTime": lambda revision: revision.first_used or 0,
        "lastUsedTime": lambda revision: revision.last_used or 0,
    }
    found = [
        revision
        for revision in application.revisions
        if (deployed == "ignore" or (deployed == "include") == (revision.first_used is not None))
        and (bucket is None or _lies_in(revision, bucket, prefix or ""))
    ]
    if "sortBy" in request:
        found.sort(key=keys[request["sortBy"]], reverse=request.get("sortOrder") == "descending")
    locations, token = lookup.page([revision.location for revision in found], request.get("nextToken"))
    return {"revisions": locations, "nextToken": token}


def _lies_in(revision: Revision, bucket: str, prefix: str) -> bool:
    place = revision.location.get("s3Location") or {}
    return bool(place.get("bucket") == bucket and place["key"].startswith(prefix))


OPERATIONS = {
    "RegisterApplicationRevision": _register,
    "GetApplicationRevision": _get,
    "BatchGetApplicationRevisions": _batch_get,
    "ListApplicationRevisions": _list,
}
