"""The artifact bucket: who keeps bundles in it, and who takes them. Nobody writes over one, and nobody deletes one."""

from collections.abc import Sequence
from dataclasses import replace

from infra.naming import AwsLocation, Shared
from infra.permissions.grants import Grant
from infra.permissions.statement import Statement

FOLDERS = ("bundles", "manifests")


def taking(project: str, place: AwsLocation, account: str = "") -> tuple[Grant, ...]:
    """What it takes to find bundles there: Lambda reads them by the rights of whoever deploys. `account`: the
    bucket's, where it is not the place's own.

    Without ListBucket, S3 does not tell an object that is not there from one that is denied.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
    """
    bucket = Shared(project).artifact_bucket(replace(place, account=account or place.account))
    return (
        Grant("Artifacts", "s3", _objects(place, bucket), ("GetObject", "GetObjectVersion")),
        Grant("ArtifactNames", "s3", (place.object_arn(bucket),), ("ListBucket",)),
    )


def keeping(project: str, place: AwsLocation) -> tuple[Statement, ...]:
    """What the job that builds may do: look, and write what is not there.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    new = {"Null": {"s3:if-none-match": "false"}}
    bucket = Shared(project).artifact_bucket(place)
    write = Statement("NewArtifacts", ("s3:PutObject",), _objects(place, bucket), condition=new)
    return (*(each for grant in taking(project, place) for each in grant.only_reads()), write)


def lent(bucket_arn: str, partition: str, accounts: Sequence[str]) -> tuple[Statement, ...]:
    """What the bucket lets other accounts do, each of which gives it to its own roles: `taking`."""
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
