"""Objects of S3: read one that may be there, and write or delete one only where it is as it was read.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.release.aws.errors import aws_call
from infra.release.engine.cloud import AwsError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WRITTEN_BEFORE = {"PreconditionFailed", "ConditionalRequestConflict"}  # another writer was first, or is writing now


def read(s3: S3Client, bucket: str, key: str, **given: Any) -> bytes | None:
    """Return an object; None if the bucket does not have it. Raises AwsError."""
    found = tagged(s3, bucket, key, **given)
    return found[0] if found else None


def tagged(s3: S3Client, bucket: str, key: str, **given: Any) -> tuple[bytes, str] | None:
    """Return an object and its ETag; None if the bucket does not have it. Raises AwsError."""
    try:
        with aws_call("s3 GetObject", f"s3://{bucket}/{key}"):
            answer = s3.get_object(Bucket=bucket, Key=key, **given)
            return answer["Body"].read(), answer["ETag"]
    except NotFoundError:
        return None


def write(s3: S3Client, bucket: str, key: str, body: bytes, *, only_new: bool = False, **given: Any) -> bool:
    """Write an object; return False if it must be new and is not. Raises AwsError."""
    if only_new:
        given["IfNoneMatch"] = "*"
    try:
        with aws_call("s3 PutObject", f"s3://{bucket}/{key}"):
            s3.put_object(Bucket=bucket, Key=key, Body=body, **given)
    except AwsError as problem:
        if _written_before(problem):
            return False
        raise
    return True


def overwrite(s3: S3Client, bucket: str, key: str, body: bytes, *, tag: str, **given: Any) -> bool:
    """Write over the object with that ETag; return False if it has another, or is gone. Raises AwsError."""
    try:
        return write(s3, bucket, key, body, IfMatch=tag, **given)
    except NotFoundError:
        return False


def delete(s3: S3Client, bucket: str, key: str, *, tag: str) -> bool:
    """Delete the object with that ETag; return False if it has another, or is gone. Raises AwsError."""
    try:
        with aws_call("s3 DeleteObject", f"s3://{bucket}/{key}"):
            s3.delete_object(Bucket=bucket, Key=key, IfMatch=tag)
    except NotFoundError:
        return False
    except AwsError as problem:
        if _written_before(problem):
            return False
        raise
    return True


def _written_before(problem: AwsError) -> bool:
    cause = problem.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"].get("Code") in WRITTEN_BEFORE
