"""A bucket declares its encryption."""

from collections.abc import Iterator

from policy.rule import Rule
from policy.tokens import BUCKETS
from policy.view import Resource, Stack

CONFIGURATIONS = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)


def encryption(bucket: Resource, stack: Stack) -> Iterator[str]:
    """The bucket declares it itself, or a resource does that configures it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html
    """
    if any(bucket in stack.used(one, "bucket") or _same(one, bucket) for one in stack.of(*CONFIGURATIONS)):
        return
    value = bucket.get("serverSideEncryptionConfiguration")
    if not value:
        yield (
            f"{bucket.name} must be encrypted: serverSideEncryptionConfiguration is not set; declare a "
            "BucketServerSideEncryptionConfiguration for it with the algorithm aws:kms or AES256"
        )


def _same(configuration: Resource, bucket: Resource) -> bool:
    name = configuration.get("bucket")
    return isinstance(name, str) and name in (bucket.get("bucket"), bucket.get("id"))


RULES = (Rule("s3-encryption", "A bucket is encrypted", BUCKETS, encryption, whole=True),)
