"""Revisions in S3, the user guide's first way, and what is read of many revisions at once."""

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


def test_a_location_is_registered_before_anything_lies_there(deployer: Deployer, bucket: Bucket) -> None:
    codedeploy = deployer.codedeploy
    later = {"bucket": bucket.name, "key": "later.yaml", "bundleType": "YAML"}
    elsewhere = {**later, "bucket": "elsewhere"}
    for location in (later, elsewhere):
        codedeploy.register_application_revision(applicationName="shop", revision=_in_s3(location))
    listed = codedeploy.list_application_revisions(applicationName="shop", s3Bucket=bucket.name, s3KeyPrefix="la")
    assert listed["revisions"] == [_in_s3(later)]
    assert codedeploy.list_application_revisions(applicationName="shop", s3Bucket="elsewhere")["revisions"] == [
        _in_s3(elsewhere)
    ]
    assert refused(codedeploy.list_application_revisions, applicationName="shop", s3KeyPrefix="la")[0] == (
        "BucketNameFilterRequiredException"
    )
    zipped = _in_s3({**later, "bundleType": "tgz"})
    assert refused(codedeploy.register_application_revision, applicationName="shop", revision=zipped)[0] == (
        "InvalidRevisionException"
    )


def test_revisions_are_read_in_batches(deployer: Deployer, bucket: Bucket) -> None:
    codedeploy = deployer.codedeploy
    stored, written = _in_s3(bucket.put(YAML)), appspec("2", "3")
    for revision in (stored, written):
        codedeploy.register_application_revision(applicationName="shop", revision=revision, description="by hand")
    unknown = appspec("8", "9")
    batch = codedeploy.batch_get_application_revisions(applicationName="shop", revisions=[written, unknown, stored])
    assert [found["revisionLocation"] for found in batch["revisions"]] == [written, stored]
    assert {found["genericRevisionInfo"]["description"] for found in batch["revisions"]} == {"by hand"}
    assert batch["applicationName"] == "shop"
    assert "1 of the given locations" in batch["errorMessage"]
    whole = codedeploy.batch_get_application_revisions(applicationName="shop", revisions=[stored])
    assert "errorMessage" not in whole
    many = {"applicationName": "shop", "revisions": [stored] * 26}
    assert refused(codedeploy.batch_get_application_revisions, **many)[0] == "BatchLimitExceededException"
    nowhere = {"applicationName": "nowhere", "revisions": [stored]}
    assert refused(codedeploy.batch_get_application_revisions, **nowhere)[0] == "ApplicationDoesNotExistException"


def test_the_functions_name_is_the_targets_id_too(deployer: Deployer) -> None:
    made = deployer.deploy()
    deployer.ended(made)
    codedeploy = deployer.codedeploy
    one = codedeploy.get_deployment_target(deploymentId=made, targetId="orders")["deploymentTarget"]["lambdaTarget"]
    assert (one["targetId"], one["lambdaFunctionInfo"]["functionName"]) == ("orders", "orders")
    batch = codedeploy.batch_get_deployment_targets(deploymentId=made, targetIds=["orders"])["deploymentTargets"]
    assert batch[0]["lambdaTarget"] == one
    for wrong in ("live", "orders:other", "other"):
        assert refused(codedeploy.get_deployment_target, deploymentId=made, targetId=wrong)[0] == (
            "DeploymentTargetDoesNotExistException"
        )
