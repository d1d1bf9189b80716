"""Revisions in S3, the user guide's first way."""

from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.codedeploy import Deployer, appspec, refused
from local.tests.cloud.conftest import REGION, Functions

YAML = """
version: 0.0
Resources:
  - orders:
      Type: AWS::Lambda::Function
      Properties:
        Name: orders
        Alias: live
        CurrentVersion: "1"
        TargetVersion: "2"
"""


@pytest.fixture
def deployer(client: Callable[[str], Any], functions: Functions) -> Deployer:
    return Deployer(client, functions)


class Bucket:
    """A bucket with versions."""

    def __init__(self, client: Callable[[str], Any], account: str) -> None:
        self.name = f"revisions-{account}"
        self._s3 = client("s3")
        self._s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, content: str, key: str = "orders/appspec.yaml") -> dict[str, Any]:
        """Put an object: its location as CodeDeploy names it."""
        made = self._s3.put_object(Bucket=self.name, Key=key, Body=content.encode())
        return {
            "bucket": self.name,
            "key": key,
            "bundleType": "JSON" if key.endswith(".json") else "YAML",
            "version": made["VersionId"],
            "eTag": made["ETag"],
        }


@pytest.fixture
def bucket(client: Callable[[str], Any], account: str) -> Bucket:
    return Bucket(client, account)


def _in_s3(location: dict[str, Any]) -> dict[str, Any]:
    return {"revisionType": "S3", "s3Location": location}


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_a_revision_in_a_bucket_is_deployed(deployer: Deployer, bucket: Bucket, kind: str) -> None:
    content = YAML if kind == "yaml" else appspec("1", "2")["appSpecContent"]["content"]
    location = bucket.put(content, f"orders/appspec.{kind}")
    bucket.put("later, and never read", f"orders/appspec.{kind}")
    made = deployer.deploy(_in_s3(location))
    ended = deployer.ended(made)
    assert (ended["status"], ended["revision"]) == ("Succeeded", _in_s3(location))
    assert deployer.alias() == ("2", {})
    group = deployer.codedeploy.get_deployment_group(applicationName="shop", deploymentGroupName="orders")
    assert group["deploymentGroupInfo"]["targetRevision"] == _in_s3(location)


def test_without_a_version_the_latest_object_counts(deployer: Deployer, bucket: Bucket) -> None:
    bucket.put("not an AppSpec")
    location = {name: value for name, value in bucket.put(YAML).items() if name not in {"version", "eTag"}}
    assert deployer.ended(deployer.deploy(_in_s3(location)))["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bucket": "nowhere-at-all"}, "RevisionDoesNotExistException"),
        ({"key": "nowhere.yaml"}, "RevisionDoesNotExistException"),
        ({"version": "none"}, "RevisionDoesNotExistException"),
        ({"eTag": "0" * 32}, "InvalidRevisionException"),
        ({"bundleType": "zip"}, "InvalidRevisionException"),
        ({"bundleType": None}, "InvalidRevisionException"),
        ({"bundleType": "JSON"}, "InvalidRevisionException"),
        ({"key": None}, "InvalidRevisionException"),
    ],
)
def test_a_revision_that_cannot_be_read_is_refused(
    deployer: Deployer, bucket: Bucket, changes: dict[str, Any], code: str
) -> None:
    location = {name: value for name, value in (bucket.put(YAML) | changes).items() if value is not None}
    assert refused(deployer.deploy, revision=_in_s3(location))[0] == code
