"""Statements on the artifact bucket: the build job publishes, stacks read, and no role overwrites or deletes."""

from collections.abc import Sequence
from dataclasses import replace

from infra.naming import AwsLocation, Shared
from infra.permissions.grants import Grant
from infra.permissions.statement import Statement

FOLDERS = ("bundles", "manifests")
SOURCES = "sources"  # of commits, where an event starts a release


def artifact_read(project: str, place: AwsLocation, account: str = "") -> tuple[Grant, ...]:
    """Return the grants to find bundles there, and for Lambda to read them by the rights of the role that deploys.

    `account` is the bucket's, "" for the place's own. Without ListBucket S3 denies a missing object instead of saying
    that it is missing.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
    """
    bucket = Shared(project).artifact_bucket(replace(place, account=account or place.account))
    return (
        Grant("Artifacts", "s3", _objects(place, bucket), ("GetObject", "GetObjectVersion")),
        Grant("ArtifactNames", "s3", (place.object_arn(bucket),), ("ListBucket",)),
    )


def source_read(project: str, place: AwsLocation, account: str = "") -> Statement:
    """Return the statement to read the source archives of commits there. `account`: as for `artifact_read`."""
    bucket = Shared(project).artifact_bucket(replace(place, account=account or place.account))
    return Statement("Sources", ("s3:GetObject",), (place.object_arn(bucket, f"{SOURCES}/*"),))


def artifact_publish(project: str, place: AwsLocation, *, sources: bool = False) -> tuple[Statement, ...]:
    """Return the statements of the build job: it may read, and write objects that do not exist yet.

    `sources`: it publishes source archives too.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    new = {"Null": {"s3:if-none-match": "false"}}
    bucket = Shared(project).artifact_bucket(place)
    archives = (place.object_arn(bucket, f"{SOURCES}/*"),) if sources else ()
    write = Statement("NewArtifacts", ("s3:PutObject",), (*_objects(place, bucket), *archives), condition=new)
    return (*(each for grant in artifact_read(project, place) for each in grant.only_reads()), write)


def cross_account_read(bucket_arn: str, partition: str, accounts: Sequence[str]) -> tuple[Statement, ...]:
    """Return the bucket's statements that let other accounts read it; each grants its own roles `artifact_read`."""
    return tuple(
        Statement(
            f"Account{account}",
            ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"),
            (bucket_arn, f"{bucket_arn}/*"),
            principal={"AWS": f"arn:{partition}:iam::{account}:root"},
        )
        for account in accounts
    )


def _objects(place: AwsLocation, bucket: str) -> tuple[str, ...]:
    return tuple(place.object_arn(bucket, f"{folder}/*") for folder in FOLDERS)
