"""The cases of a bucket and what is set on it."""

import json
import uuid
from typing import Any

from local.tests.cloud.providers.cases import Case, policy


def of_account(action: str, bucket: str) -> str:
    """Return a bucket's policy for its own account."""
    document = json.loads(policy(action, f"{bucket}/*"))
    document["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::111111111111:root"}
    return json.dumps(document)


def encrypted(algorithm: str) -> dict[str, Any]:
    """Return a rule by which a bucket encrypts."""
    return {"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm}}


def expiring(prefix: str, days: int) -> dict[str, Any]:
    """Return a rule by which a bucket's objects expire, and are deleted a month later."""
    return {
        "id": prefix.strip("/"),
        "status": "Enabled",
        "filter": {"prefix": prefix},
        "expiration": {"days": days},
        "noncurrentVersionExpiration": {"noncurrentDays": 30},
    }


CASES = {
    "bucket": Case(
        "aws:s3/bucket:Bucket",
        lambda _: {"bucket": f"strata-{uuid.uuid4()}", "tags": {"a": "b"}},  # all accounts share the names
        {"tags": {"c": "d"}},
    ),
    "bucket's versions": Case(
        "aws:s3/bucketVersioning:BucketVersioning",
        lambda made: {"bucket": made["bucket"].id, "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        ("bucket",),
    ),
    "bucket's encryption": Case(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        lambda made: {"bucket": made["bucket"].id, "rules": [encrypted("AES256")]},
        {"rules": [encrypted("aws:kms")]},
        ("bucket",),
    ),
    "bucket's lifecycle": Case(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        lambda made: {"bucket": made["bucket"].id, "rules": [expiring("sources/", 730)]},
        {"rules": [expiring("sources/", 400), expiring("other/", 30)]},
        ("bucket",),
    ),
    "bucket's privacy": Case(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        lambda made: {"bucket": made["bucket"].id, "blockPublicAcls": True, "blockPublicPolicy": True},
        {"ignorePublicAcls": True, "blockPublicAcls": None},
        ("bucket",),
    ),
    "bucket's policy": Case(
        "aws:s3/bucketPolicy:BucketPolicy",
        lambda made: {"bucket": made["bucket"].id, "policy": of_account("s3:GetObject", made["bucket"].state["arn"])},
        {"policy": of_account("s3:PutObject", "arn:aws:s3:::strata")},
        ("bucket",),
    ),
    "object": Case(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        lambda made: {"bucket": made["bucket"].id, "key": "a/b.yaml", "content": "version: 1\n"},
        {"content": "version: 2\n", "tags": {"a": "b"}},
        ("bucket",),
    ),
}
