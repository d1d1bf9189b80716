"""What somebody could do to the artifact bucket whom no policy of ours limits."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from rehearsal.observe.aws_records import Aws

OTHER = b"not what was built"


@contextmanager
def spoilt(aws: Aws, digest: str) -> Iterator[None]:
    """While the block runs, other bytes lie under the digest (base64, as Lambda reports it)."""
    s3 = aws.client("s3")
    bucket = f"strata-artifacts-{aws.account}-{aws.region}"
    key = f"bundles/{base64.b64decode(digest).hex()}.zip"
    summed = base64.b64encode(hashlib.sha256(OTHER).digest()).decode()
    made = s3.put_object(Bucket=bucket, Key=key, Body=OTHER, ChecksumSHA256=summed)
    try:
        yield
    finally:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=made["VersionId"])
