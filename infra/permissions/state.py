"""A stack's own state, its secrets, and what it reads of Terraform's: nothing of any other stack's.

The layout is that of Pulumi's S3 backend. https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

from infra.naming import AwsLocation, Names, Shared
from infra.permissions.grants import Grant

META = ".pulumi/meta.yaml"
"""Which layout the bucket has; written once, by `bootstrap/`."""


def backend(project: str, place: AwsLocation) -> str:
    """What to give `pulumi login`: the bucket that holds the state of the project's stacks in an account."""
    return f"s3://{Shared(project).state_bucket(place)}?region={place.region}"


def secrets_provider(names: Names, place: AwsLocation) -> str:
    """What a stack is made with, `pulumi stack init --secrets-provider URL`: the key, bound to the stack by KMS."""
    context = "".join(f"&context_{key}={value}" for key, value in encryption_context(names).items())
    return f"awskms://{Shared(names.project).secrets_key}?region={place.region}{context}"


def encryption_context(names: Names) -> dict[str, str]:
    """What KMS asks for beside the key to read a stack's secrets.

    https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
    """
    return {"project": names.project, "stack": names.stack}


def state(names: Names, place: AwsLocation, *, key_arn: str) -> tuple[Grant, ...]:
    """State, its locks, history and backups in the bucket; secrets by the key."""
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
            # Without a prefix S3 asks for it before it says that an object is not there, and Pulumi asks for such.
            condition={"StringEqualsIfExists": {"s3:prefix": prefixes}},
        ),
        Grant("Secrets", "kms", (key_arn,), ("Decrypt",), ("Encrypt",), condition={"StringEquals": context}),
    )


def legacy_state(place: AwsLocation, bucket: str, key: str) -> Grant:
    """Terraform's state of a layer, read and never written."""
    return Grant("LegacyState", "s3", (place.object_arn(bucket, key),), ("GetObject",))
