"""Reads the revision of a deployment from its location.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_RevisionLocation.html
"""

from collections.abc import Mapping
from typing import Any

from local.cloud.codedeploy.appspec import AppSpec, AppSpecError, of_revision
from local.cloud.ministack import Seam, ministack
from local.cloud.wire import ServiceError

LONGEST_DESCRIPTION = 256
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


def _fetch(location: Mapping[str, Any]) -> bytes:
    """Read the revision from S3, also from another account's bucket whose policy permits it."""
    bucket, key, version = location["bucket"], location["key"], location.get("version")
    found: bytes | None = ministack("services.lambda_svc")._fetch_code_from_s3(bucket, key, version)
    if found is None:
        raise ServiceError("RevisionDoesNotExistException", f"The revision s3://{bucket}/{key} does not exist.")
    return found
