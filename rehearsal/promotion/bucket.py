"""Alters a bundle in the artifact bucket, as an administrator could, whom no policy of ours limits."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from rehearsal.observe.aws_records import AwsRecords

OTHER = b"not what was built"


@contextmanager
def corrupted(aws: AwsRecords, digest: str) -> Iterator[None]:
    """Store other bytes under the digest (base64, as Lambda reports it) while the block runs."""
    s3 = aws.client("s3")
    bucket = f"strata-artifacts-{aws.account}-{aws.region}"
    key = f"bundles/{base64.b64decode(digest).hex()}.zip"
    summed = base64.b64encode(hashlib.sha256(OTHER).digest()).decode()
    made = s3.put_object(Bucket=bucket, Key=key, Body=OTHER, ChecksumSHA256=summed)
    try:
        yield
    finally:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=made["VersionId"])
