"""S3 buckets, their settings, which are resources of their own, and objects.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
"""

import base64
import hashlib
from typing import Any

from local.providers.resource import (
    Aws,
    Field,
    Live,
    Resource,
    from_api,
    pairs,
    pascal,
    policy_text,
    props,
    sorted_text,
    to_api,
    unpaired,
    unset,
)
from local.providers.wire import Bag

_FIRST_REGION = "us-east-1"  # the only one that a request must not name


class Bucket(Resource):
    """A bucket, with nothing but its name and its tags: every setting has a resource of its own. Its id is its name."""

    kind = "aws:s3/bucket:Bucket"
    service = "s3"
    label = "S3 Bucket"
    name = "bucket"
    tagged = True
    fields = props(bucket=Field(replaces=True), forceDestroy=Field(default=False, unread=True))
    outputs = (
        "arn",
        "bucketDomainName",
        "bucketRegion",
        "bucketRegionalDomainName",
        "hostedZoneId",
        "websiteDomain",
        "websiteEndpoint",
    )
    also = unset(
        accelerationStatus="",
        acl=None,
        bucketPrefix="",
        corsRules=[],
        lifecycleRules=[],
        logging=None,
        objectLockConfiguration=None,
        objectLockEnabled=False,
        replicationConfiguration=None,
        requestPayer="",
        website=None,
    )

    def create(self, aws: Aws, new: Bag) -> str:
        elsewhere = {} if aws.region == _FIRST_REGION else {"LocationConstraint": aws.region}
        location: dict[str, Any] = {"CreateBucketConfiguration": elsewhere} if elsewhere else {}
        aws("s3").create_bucket(Bucket=new["bucket"], **location)
        return str(new["bucket"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        if new["tagsAll"]:
            aws("s3").put_bucket_tagging(Bucket=identity, Tagging={"TagSet": pairs(new["tagsAll"])})

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        aws("s3").head_bucket(Bucket=identity)
        bag = {
            "bucket": identity,
            "arn": f"arn:aws:s3:::{identity}",
            "bucketDomainName": f"{identity}.s3.amazonaws.com",
            "bucketRegion": aws.region,
            "bucketRegionalDomainName": f"{identity}.s3.{aws.region}.amazonaws.com",
            "hostedZoneId": "",
            "websiteDomain": None,
            "websiteEndpoint": None,
            "tags": _tags(aws, identity),
        }
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        """Send nothing: the other properties of a bucket are not AWS's."""

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        if tags:
            aws("s3").put_bucket_tagging(Bucket=state["bucket"], Tagging={"TagSet": pairs(tags)})
        else:
            aws("s3").delete_bucket_tagging(Bucket=state["bucket"])

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        client = aws("s3")
        if state.get("forceDestroy"):
            _delete_versions(aws, identity)
        client.delete_bucket(Bucket=identity)


def _delete_versions(aws: Aws, bucket: str, key: str | None = None) -> None:
    """Delete every version of one object, or of all, with their delete markers: a bucket that is not empty cannot be
    deleted."""
    only = {} if key is None else {"Prefix": key}
    for page in aws("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, **only):
        for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
            if key in {None, each["Key"]}:
                aws("s3").delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


def _tags(aws: Aws, bucket: str) -> dict[str, str]:
    client = aws("s3")
    try:
        return unpaired(client.get_bucket_tagging(Bucket=bucket)["TagSet"])
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return {}


class _Setting(Resource):
    """A setting of a bucket. Its id is the bucket's name."""

    service = "s3"
    name = None

    def locate(self, identity: str) -> Bag:
        return {"bucket": identity}

    def create(self, aws: Aws, new: Bag) -> str:
        self.put(aws("s3"), new["bucket"], new)
        return str(new["bucket"])

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self.put(aws("s3"), identity, new)

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        return Live(identity, {"bucket": identity, **self.get(aws("s3"), identity)})

    def put(self, client: Any, bucket: str, new: Bag) -> None:
        """Set the setting."""
        raise NotImplementedError

    def get(self, client: Any, bucket: str) -> Bag:
        """Return AWS's value of the setting."""
        raise NotImplementedError


class BucketVersioning(_Setting):
    """The versioning of a bucket; it can be suspended, not removed."""

    kind = "aws:s3/bucketVersioning:BucketVersioning"
    label = "S3 Bucket Versioning"
    also = unset(expectedBucketOwner="", mfa=None)
    fields = props(
        bucket=Field(required=True, replaces=True),
        versioningConfiguration=Field(required=True, of=props(status=Field(required=True), mfaDelete=Field(zero=""))),
    )

    def put(self, client: Any, bucket: str, new: Bag) -> None:
        configuration = to_api({"status": Field()}, new["versioningConfiguration"], pascal)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=configuration)

    def get(self, client: Any, bucket: str) -> Bag:
        status = client.get_bucket_versioning(Bucket=bucket).get("Status", "Disabled")
        return {"versioningConfiguration": {"status": status}}

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("s3").put_bucket_versioning(Bucket=identity, VersioningConfiguration={"Status": "Suspended"})


_BY_DEFAULT = props(
    kmsMasterKeyId=Field(api="KMSMasterKeyID", zero=""), sseAlgorithm=Field(required=True, api="SSEAlgorithm")
)
_RULE = props(
    applyServerSideEncryptionByDefault=Field(of=_BY_DEFAULT),
    bucketKeyEnabled=Field(zero=False),
)


class BucketEncryption(_Setting):
    """The default encryption of a bucket."""

    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    label = "S3 Bucket Server-side Encryption Configuration"
    also = unset(expectedBucketOwner="")
    fields = props(bucket=Field(required=True, replaces=True), rules=Field(required=True, unordered=True, of=_RULE))

    def put(self, client: Any, bucket: str, new: Bag) -> None:
        rules = [to_api(_RULE, rule, pascal) for rule in new["rules"]]
        client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})

    def get(self, client: Any, bucket: str) -> Bag:
        found = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        return {"rules": [from_api(_RULE, rule, pascal) for rule in found]}

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("s3").delete_bucket_encryption(Bucket=identity)


_LIFECYCLE = props(
    id=Field(required=True, api="ID"),
    status=Field(required=True),
    filter=Field(of=props(prefix=Field(zero=""))),
    expiration=Field(of=props(days=Field(zero=0))),
    noncurrentVersionExpiration=Field(of=props(noncurrentDays=Field(required=True))),
)


class BucketLifecycle(_Setting):
    """The lifecycle rules of a bucket."""

    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    label = "S3 Bucket Lifecycle Configuration"
    also = unset(expectedBucketOwner="", transitionDefaultMinimumObjectSize="all_storage_classes_128K")
    fields = props(bucket=Field(required=True, replaces=True), rules=Field(of=_LIFECYCLE))

    def put(self, client: Any, bucket: str, new: Bag) -> None:
        rules = [to_api(_LIFECYCLE, rule, pascal) for rule in new.get("rules") or ()]
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})

    def get(self, client: Any, bucket: str) -> Bag:
        found = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        return {"rules": [from_api(_LIFECYCLE, rule, pascal) for rule in found]}

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("s3").delete_bucket_lifecycle(Bucket=identity)


_BLOCKS = props(
    blockPublicAcls=Field(),
    blockPublicPolicy=Field(),
    ignorePublicAcls=Field(),
    restrictPublicBuckets=Field(),
)


class BucketPublicAccessBlock(_Setting):
    """The block of public access to a bucket."""

    kind = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    label = "S3 Bucket Public Access Block"
    fields = props(bucket=Field(required=True, replaces=True), skipDestroy=Field(unread=True), **_BLOCKS)

    def put(self, client: Any, bucket: str, new: Bag) -> None:
        blocks = {pascal(name): bool(new.get(name)) for name in _BLOCKS}
        client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks)

    def get(self, client: Any, bucket: str) -> Bag:
        found = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        return from_api(_BLOCKS, found, pascal)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        if not state.get("skipDestroy"):
            aws("s3").delete_public_access_block(Bucket=identity)


class BucketPolicy(_Setting):
    """The policy of a bucket, beside the callers' own policies."""

    kind = "aws:s3/bucketPolicy:BucketPolicy"
    label = "S3 Bucket Policy"
    fields = props(
        bucket=Field(required=True, replaces=True), policy=Field(required=True, form=policy_text, kept=sorted_text)
    )

    def put(self, client: Any, bucket: str, new: Bag) -> None:
        client.put_bucket_policy(Bucket=bucket, Policy=new["policy"])

    def get(self, client: Any, bucket: str) -> Bag:
        return {"policy": client.get_bucket_policy(Bucket=bucket)["Policy"]}

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("s3").delete_bucket_policy(Bucket=identity)


class BucketObject(Resource):
    """An object whose content the program holds. Its id is BUCKET/KEY."""

    kind = "aws:s3/bucketObjectv2:BucketObjectv2"
    service = "s3"
    label = "S3 Object"
    name = None
    tagged = True
    fields = props(
        bucket=Field(required=True, replaces=True),
        key=Field(computed=True, replaces=True),
        content=Field(unread=True),
        forceDestroy=Field(default=False, unread=True),
    )
    also = unset(
        acl=None,
        bucketKeyEnabled=False,
        cacheControl="",
        checksumAlgorithm=None,
        contentBase64=None,
        contentDisposition="",
        contentEncoding="",
        contentLanguage="",
        kmsKeyId=None,
        metadata=None,
        objectLockLegalHoldStatus="",
        objectLockMode="",
        objectLockRetainUntilDate="",
        contentType="",
        etag="",
        serverSideEncryption="",
        storageClass="",
        overrideProvider=None,
        source=None,
        sourceHash=None,
        websiteRedirect="",
    )
    outputs = (
        "arn",
        "checksumCrc32",
        "checksumCrc32c",
        "checksumCrc64nvme",
        "checksumSha1",
        "checksumSha256",
        "versionId",
    )

    def locate(self, identity: str) -> Bag:
        bucket, _, key = identity.partition("/")
        return {"bucket": bucket, "key": key}

    def create(self, aws: Aws, new: Bag) -> str:
        body = new.get("content", "").encode()
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        aws("s3").put_object(Bucket=new["bucket"], Key=new["key"], Body=body, ContentMD5=digest)
        return f"{new['bucket']}/{new['key']}"

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        self.retag(aws, new, [], new["tagsAll"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        bucket, key = state["bucket"], state["key"]
        found = aws("s3").head_object(Bucket=bucket, Key=key)
        sums = {name: "" for name in self.outputs if name.startswith("checksum")}
        outputs = {
            "arn": f"arn:aws:s3:::{bucket}/{key}",
            "versionId": found.get("VersionId", ""),
            "etag": found["ETag"].strip('"'),
            "contentType": found["ContentType"],
            "serverSideEncryption": found.get("ServerSideEncryption", ""),
            "storageClass": found.get("StorageClass", "STANDARD"),  # S3 does not name the ordinary one
            **sums,
        }
        tags = unpaired(aws("s3").get_object_tagging(Bucket=bucket, Key=key)["TagSet"])
        return Live(f"{bucket}/{key}", {"bucket": bucket, "key": key, "tags": tags, **outputs})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self.create(aws, new)
        self.settle(aws, identity, new)

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        aws("s3").put_object_tagging(Bucket=state["bucket"], Key=state["key"], Tagging={"TagSet": pairs(tags)})

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        # In a bucket that keeps versions the provider deletes all of the object's (its resourceObjectDelete).
        _delete_versions(aws, state["bucket"], state["key"])
