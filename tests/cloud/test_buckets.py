"""A bucket that one account shares with another, as boto3 and Lambda find it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.permissions import cross_account_read, document, encrypted_in_transit
from local.tests.cloud.conftest import REGION, TRUST, Cloud, archive

CODE = archive("def handler(event, context): return 'shared'")


class SharedBucket:
    """A bundle in the bucket of `account`, which only `reader` may read."""

    def __init__(self, cloud: Cloud, account: str) -> None:
        self.cloud, self.reader, self.unknown = cloud, f"8{account[1:]}", f"9{account[1:]}"
        self.bucket, s3 = f"shared-{account}", cloud.client("s3", account)
        s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        arn = f"arn:aws:s3:::{self.bucket}"
        policy = document((*encrypted_in_transit(arn), *cross_account_read(arn, "aws", [self.reader])))
        s3.put_bucket_policy(Bucket=self.bucket, Policy=policy if isinstance(policy, str) else json.dumps(policy))
        self.version = s3.put_object(Bucket=self.bucket, Key="orders.zip", Body=CODE)["VersionId"]
        s3.put_object(Bucket=self.bucket, Key="orders.zip", Body=b"what came after")

    def head(self, account: str) -> Any:
        return self.cloud.client("s3", account).head_object(
            Bucket=self.bucket, Key="orders.zip", VersionId=self.version
        )

    def function(self, account: str) -> Any:
        """Create a function whose code is that version of the object."""
        role = self.cloud.client("iam", account).create_role(
            RoleName="orders", AssumeRolePolicyDocument=json.dumps(TRUST)
        )["Role"]["Arn"]
        functions = self.cloud.client("lambda", account)
        functions.create_function(
            FunctionName="orders", Runtime="python3.11", Role=role, Handler="app.handler", Code={"ZipFile": archive("")}
        )
        functions.get_waiter("function_active_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
        code = {"S3Bucket": self.bucket, "S3Key": "orders.zip", "S3ObjectVersion": self.version}
        return functions.update_function_code(FunctionName="orders", **code)


@pytest.fixture
def bundle(cloud: Cloud, account: str) -> SharedBucket:
    return SharedBucket(cloud, account)


def test_an_account_finds_the_bundle_in_a_bucket_that_is_shared_with_it(bundle: SharedBucket) -> None:
    assert bundle.head(bundle.reader)["ContentLength"] == len(CODE)


def test_lambda_takes_code_from_a_bucket_that_is_shared_with_its_account(bundle: SharedBucket) -> None:
    assert bundle.function(bundle.reader)["CodeSize"] == len(CODE)


def test_neither_an_unknown_account_nor_its_functions_read_the_bucket(bundle: SharedBucket) -> None:
    with pytest.raises(ClientError, match="403"):
        bundle.head(bundle.unknown)
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        bundle.function(bundle.unknown)
