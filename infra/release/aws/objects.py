"""Objects of S3: read one that may be there, and write one that must not be.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
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
    try:
        with aws_call("s3 GetObject", f"s3://{bucket}/{key}"):
            return s3.get_object(Bucket=bucket, Key=key, **given)["Body"].read()
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
        cause = problem.__cause__
        if isinstance(cause, ClientError) and cause.response["Error"].get("Code") in WRITTEN_BEFORE:
            return False
        raise
    return True
