"""Grants on a stack's own state and secrets, and on the Terraform state that it reads; on no other stack's.

The layout is that of Pulumi's S3 backend. https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

from infra.naming import AwsLocation, Names, Shared
from infra.permissions.grants import Grant

META = ".pulumi/meta.yaml"
"""The object that names the bucket's layout; `bootstrap/` writes it once."""


def backend(project: str, place: AwsLocation) -> str:
    """Return the URL for `pulumi login`: the bucket with the state of the project's stacks in an account."""
    return f"s3://{Shared(project).state_bucket(place)}?region={place.region}"


def secrets_provider(names: Names, place: AwsLocation) -> str:
    """Return the URL for `pulumi stack init --secrets-provider`: the key, bound to the stack by its context."""
    context = "".join(f"&context_{key}={value}" for key, value in encryption_context(names).items())
    return f"awskms://{Shared(names.project).secrets_key}?region={place.region}{context}"


def encryption_context(names: Names) -> dict[str, str]:
    """Return the encryption context without which KMS does not decrypt a stack's secrets.

    https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
    """
    return {"project": names.project, "stack": names.stack}


def state(names: Names, place: AwsLocation, *, key_arn: str) -> tuple[Grant, ...]:
    """Return the grants on the state, its locks, history and backups, and on the key of the secrets."""
    bucket = Shared(names.project).state_bucket(place)
    own = f"{names.project}/{names.stack}"
    objects = [
        f".pulumi/stacks/{own}.json*",
        f".pulumi/stacks/{own}.pulumi-tags",
        *(f".pulumi/{folder}/*" for folder in (f"locks/organization/{own}", f"history/{own}", f"backups/{own}")),
    ]
    prefixes = [
        ".pulumi/stacks/",
        f".pulumi/stacks/{names.project}/",
        f".pulumi/stacks/{own}.json",
        *(f".pulumi/{folder}/" for folder in (f"locks/organization/{own}", f"history/{own}", f"backups/{own}")),
    ]
    context = {f"kms:EncryptionContext:{key}": value for key, value in encryption_context(names).items()}
    return (
        Grant(
            "State",
            "s3",
            tuple(place.object_arn(bucket, each) for each in objects),
            ("GetObject",),
            ("DeleteObject", "PutObject"),
        ),
        Grant("StateLayout", "s3", (place.object_arn(bucket, META),), ("GetObject",)),
        Grant(
            "StateNames",
            "s3",
            (place.object_arn(bucket),),
            ("ListBucket",),
            # S3 checks ListBucket, without a prefix, before it answers that an object is missing, as Pulumi's may be.
            condition={"StringEqualsIfExists": {"s3:prefix": prefixes}},
        ),
        Grant("Secrets", "kms", (key_arn,), ("Decrypt",), ("Encrypt",), condition={"StringEquals": context}),
    )


def legacy_state(place: AwsLocation, *states: tuple[str, str], kind: str = "LegacyState") -> Grant:
    """Return the grant to read Terraform's states, each a bucket and a key, and to change none.

    Reading one state takes no ListBucket: without it S3 answers 403 in place of 404 for a key that is not there.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    return Grant(kind, "s3", tuple(place.object_arn(bucket, key) for bucket, key in states), ("GetObject",))
