"""DynamoDB tables: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html"""

import time
from typing import Any

from local.providers.resource import Aws, Field, Live, ProviderError, Resource, pairs, props, unpaired, unset
from local.providers.wire import Bag

_ON_DEMAND = "PAY_PER_REQUEST"
_INDEX = props(
    name=Field(required=True),
    hashKey=Field(),
    rangeKey=Field(),
    projectionType=Field(required=True),
    nonKeyAttributes=Field(unordered=True),
    readCapacity=Field(),
    writeCapacity=Field(),
)


class Table(Resource):
    """A table, with its indexes, stream, time to live, backups and encryption."""

    kind = "aws:dynamodb/table:Table"
    service = "dynamodb"
    label = "DynamoDB Table"
    tagged = True
    fields = props(
        name=Field(replaces=True),
        attributes=Field(unordered=True, of=props(name=Field(required=True), type=Field(required=True))),
        hashKey=Field(computed=True, replaces=True),
        rangeKey=Field(replaces=True),
        billingMode=Field(default="PROVISIONED"),
        readCapacity=Field(computed=True),
        writeCapacity=Field(computed=True),
        deletionProtectionEnabled=Field(zero=False),
        globalSecondaryIndexes=Field(unordered=True, zero=[], of=_INDEX),
        pointInTimeRecovery=Field(
            computed=True, of=props(enabled=Field(required=True), recoveryPeriodInDays=Field(computed=True))
        ),
        serverSideEncryption=Field(
            computed=True, of=props(enabled=Field(required=True), kmsKeyArn=Field(computed=True))
        ),
        streamEnabled=Field(),
        streamViewType=Field(computed=True),
        tableClass=Field(default="STANDARD", implied=True),
        ttl=Field(computed=True, of=props(attributeName=Field(), enabled=Field())),
    )
    outputs = ("arn", "streamArn", "streamLabel")
    also = unset(
        globalTableWitness=None,
        importTable=None,
        localSecondaryIndexes=[],
        onDemandThroughput=None,
        replicas=[],
        restoreDateTime=None,
        restoreSourceName=None,
        restoreSourceTableArn=None,
        restoreToLatestTime=None,
        warmThroughput=None,
    )

    def create(self, aws: Aws, new: Bag) -> str:
        request = {
            "TableName": new["name"],
            "AttributeDefinitions": _attributes(new),
            "KeySchema": _keys(new),
            "TableClass": new.get("tableClass", "STANDARD"),
            "DeletionProtectionEnabled": new.get("deletionProtectionEnabled", False),
            "Tags": pairs(new["tagsAll"]),
            **_billing(new),
        }
        if new.get("serverSideEncryption"):
            request["SSESpecification"] = _encryption(new)
        if new.get("streamEnabled"):
            request["StreamSpecification"] = _stream(new)
        if new.get("globalSecondaryIndexes"):
            request["GlobalSecondaryIndexes"] = [_index(new, index) for index in new["globalSecondaryIndexes"]]
        aws("dynamodb").create_table(**request)
        return str(new["name"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        _active(aws, identity)
        if (new.get("ttl") or {}).get("enabled"):
            self._set_ttl(aws, identity, new["ttl"], enabled=True)
        if (new.get("pointInTimeRecovery") or {}).get("enabled"):
            self._set_backups(aws, identity, new)

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        client = aws("dynamodb")
        table = client.describe_table(TableName=identity)["Table"]
        backups = client.describe_continuous_backups(TableName=identity)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {})
        ttl = client.describe_time_to_live(TableName=identity)["TimeToLiveDescription"]
        pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=table["TableArn"])
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        encryption = table.get("SSEDescription", {})
        stream = table.get("StreamSpecification", {})
        bag = {
            "name": identity,
            "attributes": [
                {"name": item["AttributeName"], "type": item["AttributeType"]} for item in table["AttributeDefinitions"]
            ],
            "hashKey": keys["HASH"],
            "rangeKey": keys.get("RANGE"),
            "billingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            **_capacity(table),
            "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
            "globalSecondaryIndexes": [_bag(index) for index in table.get("GlobalSecondaryIndexes", ())],
            "pointInTimeRecovery": {
                "enabled": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
                **({"recoveryPeriodInDays": days} if (days := recovery.get("RecoveryPeriodInDays")) else {}),
            },
            "streamEnabled": stream.get("StreamEnabled", False),
            "streamViewType": stream.get("StreamViewType", ""),
            "tableClass": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
            "ttl": {
                "enabled": ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"),
                "attributeName": ttl.get("AttributeName", ""),
            },
            "arn": table["TableArn"],
            "streamArn": table.get("LatestStreamArn", ""),
            "streamLabel": table.get("LatestStreamLabel", ""),
            "tags": unpaired(tag for page in pages for tag in page["Tags"]),
        }
        if encryption.get("Status") in ("ENABLED", "ENABLING", "UPDATING"):
            bag["serverSideEncryption"] = {"enabled": True, "kmsKeyArn": encryption.get("KMSMasterKeyArn", "")}
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        client = aws("dynamodb")
        for request in self._updates(old, new, changed):  # DynamoDB takes one kind of change at a time
            client.update_table(TableName=identity, **request)
            _active(aws, identity)
        if "ttl" in changed:
            before, after = old.get("ttl") or {}, new.get("ttl") or {}
            moved = before.get("enabled") and before.get("attributeName") != after.get("attributeName")
            if moved or not after.get("enabled"):
                self._set_ttl(aws, identity, before, enabled=False)
            if after.get("enabled"):
                self._set_ttl(aws, identity, after, enabled=True)
        if "pointInTimeRecovery" in changed:
            self._set_backups(aws, identity, new)

    def _updates(self, old: Bag, new: Bag, changed: frozenset[str]) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = []
        if changed & {"billingMode", "readCapacity", "writeCapacity"}:
            requests.append(_billing(new))
        if "deletionProtectionEnabled" in changed:
            requests.append({"DeletionProtectionEnabled": new.get("deletionProtectionEnabled", False)})
        if "serverSideEncryption" in changed:
            requests.append({"SSESpecification": _encryption(new)})
        if changed & {"streamEnabled", "streamViewType"}:
            if old.get("streamEnabled"):
                requests.append({"StreamSpecification": {"StreamEnabled": False}})
            if new.get("streamEnabled"):
                requests.append({"StreamSpecification": _stream(new)})
        if "tableClass" in changed:
            requests.append({"TableClass": new.get("tableClass", "STANDARD")})
        if "globalSecondaryIndexes" in changed:
            requests += self._index_updates(old, new)
        return requests

    def _index_updates(self, old: Bag, new: Bag) -> list[dict[str, Any]]:
        """Return the updates of indexes: a changed index is deleted and created; DynamoDB accepts one update at a
        time."""
        spec = Field(of=_INDEX)
        before = {index["name"]: index for index in old.get("globalSecondaryIndexes") or ()}
        after = {index["name"]: index for index in new.get("globalSecondaryIndexes") or ()}
        kept = {name for name in before if spec.normal(before[name]) == spec.normal(after.get(name))}
        gone = [{"Delete": {"IndexName": name}} for name in before if name not in kept]
        come = [{"Create": _index(new, index)} for name, index in after.items() if name not in kept]
        attributes = _attributes(new)
        return [{"GlobalSecondaryIndexUpdates": [one], "AttributeDefinitions": attributes} for one in gone + come]

    def _set_ttl(self, aws: Aws, identity: str, ttl: Bag, enabled: bool) -> None:
        if ttl.get("attributeName"):
            specification = {"AttributeName": ttl["attributeName"], "Enabled": enabled}
            aws("dynamodb").update_time_to_live(TableName=identity, TimeToLiveSpecification=specification)

    def _set_backups(self, aws: Aws, identity: str, new: Bag) -> None:
        wanted = new.get("pointInTimeRecovery") or {}
        specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": wanted.get("enabled", False)}
        if wanted.get("recoveryPeriodInDays"):
            specification["RecoveryPeriodInDays"] = wanted["recoveryPeriodInDays"]
        aws("dynamodb").update_continuous_backups(TableName=identity, PointInTimeRecoverySpecification=specification)

    def unknown_after(self, new: Bag, changed: frozenset[str]) -> frozenset[str]:
        return frozenset({"streamArn", "streamLabel"} if changed & {"streamEnabled", "streamViewType"} else ())

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        client = aws("dynamodb")
        client.delete_table(TableName=identity)
        client.get_waiter("table_not_exists").wait(TableName=identity, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def _active(aws: Aws, name: str) -> None:
    """Wait until the table accepts the next change. Raises ProviderError after 60 seconds."""
    deadline = time.monotonic() + 60
    while (status := aws("dynamodb").describe_table(TableName=name)["Table"]["TableStatus"]) != "ACTIVE":
        if time.monotonic() > deadline:
            raise ProviderError(f"DynamoDB Table ({name}) is still {status} after 60 s: check the local cloud's log")
        time.sleep(0.1)


def _attributes(bag: Bag) -> list[dict[str, str]]:
    return [{"AttributeName": item["name"], "AttributeType": item["type"]} for item in bag.get("attributes") or ()]


def _keys(bag: Bag) -> list[dict[str, str]]:
    kinds = {"HASH": bag.get("hashKey"), "RANGE": bag.get("rangeKey")}
    return [{"AttributeName": name, "KeyType": kind} for kind, name in kinds.items() if name]


def _billing(bag: Bag) -> dict[str, Any]:
    mode = bag.get("billingMode", "PROVISIONED")
    return {"BillingMode": mode, **({} if mode == _ON_DEMAND else _throughput(bag))}


def _throughput(bag: Bag) -> dict[str, Any]:
    units = {"ReadCapacityUnits": bag.get("readCapacity", 0), "WriteCapacityUnits": bag.get("writeCapacity", 0)}
    return {"ProvisionedThroughput": units}


def _capacity(answer: dict[str, Any]) -> Bag:
    units = answer.get("ProvisionedThroughput", {})
    return {"readCapacity": units.get("ReadCapacityUnits", 0), "writeCapacity": units.get("WriteCapacityUnits", 0)}


def _encryption(bag: Bag) -> dict[str, Any]:
    wanted = bag.get("serverSideEncryption") or {}
    key = {"SSEType": "KMS", "KMSMasterKeyId": wanted["kmsKeyArn"]} if wanted.get("kmsKeyArn") else {}
    return {"Enabled": wanted.get("enabled", False), **key}


def _stream(bag: Bag) -> dict[str, Any]:
    return {"StreamEnabled": True, "StreamViewType": bag.get("streamViewType", "")}


def _index(table: Bag, index: Bag) -> dict[str, Any]:
    projection = {"ProjectionType": index["projectionType"]}
    if index.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = index["nonKeyAttributes"]
    throughput = {} if table.get("billingMode") == _ON_DEMAND else _throughput(index)
    return {"IndexName": index["name"], "KeySchema": _keys(index), "Projection": projection, **throughput}


def _bag(index: dict[str, Any]) -> Bag:
    keys = {key["KeyType"]: key["AttributeName"] for key in index["KeySchema"]}
    projection = index["Projection"]
    bag = {
        "name": index["IndexName"],
        "hashKey": keys["HASH"],
        "rangeKey": keys.get("RANGE"),
        "projectionType": projection["ProjectionType"],
        "nonKeyAttributes": projection.get("NonKeyAttributes", []),
        **_capacity(index),
    }
    return {key: value for key, value in bag.items() if value is not None}
