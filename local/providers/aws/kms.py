"""Customer managed keys: https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html

What has the name `alias/x` is found by ListAliases: https://docs.aws.amazon.com/kms/latest/APIReference/API_ListAliases.html
"""

from local.providers.resource import (
    Aws,
    Field,
    Live,
    ProviderError,
    Resource,
    from_api,
    pairs,
    pascal,
    policy_text,
    props,
    sorted_text,
    unpaired,
    unset,
)
from local.providers.wire import Bag


class Key(Resource):
    """A symmetric key. Its id is its key id; deleting it only schedules its deletion, as on AWS."""

    kind = "aws:kms/key:Key"
    service = "kms"
    label = "KMS Key"
    name = None
    tagged = True
    fields = props(
        deletionWindowInDays=Field(unread=True),
        bypassPolicyLockoutSafetyCheck=Field(default=False, unread=True),
        customerMasterKeySpec=Field(default="SYMMETRIC_DEFAULT", replaces=True, unread=True),
        description=Field(zero=""),
        enableKeyRotation=Field(zero=False),
        isEnabled=Field(default=True, unread=True),
        keyUsage=Field(default="ENCRYPT_DECRYPT", replaces=True, unread=True),
        policy=Field(form=policy_text, kept=sorted_text, computed=True),
    )
    outputs = ("arn", "keyId")
    also = unset(customKeyStoreId="", multiRegion=False, rotationPeriodInDays=0, xksKeyId="")

    def create(self, aws: Aws, new: Bag) -> str:
        given = {pascal(name): new[name] for name in ("description", "policy") if name in new}
        key = aws("kms").create_key(**given, Tags=pairs(new["tagsAll"], "TagKey", "TagValue"))
        return str(key["KeyMetadata"]["KeyId"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        if new.get("enableKeyRotation"):
            aws("kms").enable_key_rotation(KeyId=identity)

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        key = aws("kms").describe_key(KeyId=identity)["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            return None
        bag = {
            **from_api(props(description=Field()), key, pascal),
            "arn": key["Arn"],
            "keyId": identity,
            "enableKeyRotation": aws("kms").get_key_rotation_status(KeyId=identity)["KeyRotationEnabled"],
            "policy": aws("kms").get_key_policy(KeyId=identity, PolicyName="default")["Policy"],
            "tags": unpaired(aws("kms").list_resource_tags(KeyId=identity)["Tags"], "TagKey", "TagValue"),
        }
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        if "description" in changed:
            aws("kms").update_key_description(KeyId=identity, Description=new.get("description", ""))
        if "policy" in changed:
            aws("kms").put_key_policy(KeyId=identity, PolicyName="default", Policy=new["policy"])
        if "enableKeyRotation" in changed:
            call = aws("kms").enable_key_rotation if new.get("enableKeyRotation") else aws("kms").disable_key_rotation
            call(KeyId=identity)

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        if gone:
            aws("kms").untag_resource(KeyId=state["keyId"], TagKeys=gone)
        if tags:
            aws("kms").tag_resource(KeyId=state["keyId"], Tags=pairs(tags, "TagKey", "TagValue"))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("kms").schedule_key_deletion(KeyId=identity, PendingWindowInDays=state.get("deletionWindowInDays", 30))


class Alias(Resource):
    """Another name of a key. Its id is its name."""

    kind = "aws:kms/alias:Alias"
    service = "kms"
    label = "KMS Alias"
    fields = props(name=Field(replaces=True), targetKeyId=Field(required=True))
    outputs = ("arn", "targetKeyArn")
    also = unset(namePrefix="")

    def create(self, aws: Aws, new: Bag) -> str:
        aws("kms").create_alias(AliasName=new["name"], TargetKeyId=new["targetKeyId"])
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        bag = _found(aws, identity)
        return Live(identity, bag) if bag else None

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        aws("kms").update_alias(AliasName=identity, TargetKeyId=new["targetKeyId"])

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("kms").delete_alias(AliasName=identity)


def alias(aws: Aws, arguments: Bag) -> Bag:
    """Return an alias that exists, and its key."""
    if (found := _found(aws, arguments["name"])) is None:
        raise ProviderError(f"reading KMS Alias ({arguments['name']}): empty result")
    return {**found, "id": found["arn"], "region": aws.region}


def _found(aws: Aws, name: str) -> Bag | None:
    pages = aws("kms").get_paginator("list_aliases").paginate()
    found = next((each for page in pages for each in page["Aliases"] if each["AliasName"] == name), None)
    if found is None:
        return None
    key = f"arn:aws:kms:{aws.region}:{aws.account}:key/{found['TargetKeyId']}"
    return {"name": name, "targetKeyId": found["TargetKeyId"], "arn": found["AliasArn"], "targetKeyArn": key}


FUNCTIONS = {"aws:kms/getAlias:getAlias": (frozenset({"name", "region"}), alias)}
