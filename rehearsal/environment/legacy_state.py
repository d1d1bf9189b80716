"""Creates the legacy data layer as Terraform would have left it: its table in the local cloud, its state in S3.

`terraform-legacy/data` declares the layer; a test compares this file with it. Terraform's aws plugin is not needed: the
table is created by boto3, and the state is written as Terraform 1 writes it (format version 4; Terraform promises no
stability, so a test has the real binary read it back).
"""

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from rehearsal.observe.aws_records import AwsRecords

FORMAT = 4  # of Terraform's states since 0.12
TERRAFORM = "1.11.4"
# Before the names: the host that Terraform assumes if a module's source names none.
PROVIDER = 'provider["registry.terraform.io/hashicorp/aws"]'
TABLE = "orders-prod"
VIEW = "NEW_IMAGE"
_NANOSECONDS = 10**9
_TIMEOUTS = {"create": 1800 * _NANOSECONDS, "delete": 600 * _NANOSECONDS, "update": 3600 * _NANOSECONDS}
# The provider's private data: the time-outs, under the plugin SDK's own key, and the version of the schema.
PRIVATE = base64.b64encode(
    json.dumps(
        {"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0": _TIMEOUTS, "schema_version": "1"}, separators=(",", ":")
    ).encode()
).decode()
TAGS = {"Environment": "prod", "ManagedBy": "terraform", "Project": "orders"}


@dataclass(frozen=True)
class Backend:
    """The S3 backend of Terraform, in which the layer's state lies."""

    bucket: str
    key: str
    region: str
    workspace: str = "default"

    @classmethod
    def of(cls, legacy: Mapping[str, Any], region: str) -> Self:
        """Return the backend that `strata:data.legacy` of a stack in `region` names."""
        return cls(legacy["bucket"], legacy["key"], legacy.get("region", region), legacy.get("workspace", "default"))

    @property
    def object_key(self) -> str:
        """Return the key of the state's object.

        https://developer.hashicorp.com/terraform/language/backend/s3#workspace_key_prefix
        """
        return self.key if self.workspace == "default" else f"env:/{self.workspace}/{self.key}"


def create(aws: AwsRecords, backend: Backend, table: str = TABLE) -> dict[str, Any]:
    """Create the bucket and the table, and write the state; return the state."""
    make_bucket(aws, backend)
    make_table(aws, table)
    found = applied(aws, table)
    put(aws, backend, found)
    return found


def applied(aws: AwsRecords, table: str = TABLE) -> dict[str, Any]:
    """Return the state that describes the table as it is now."""
    made = aws.client("dynamodb").describe_table(TableName=table)["Table"]
    return state(made["TableArn"], made["SSEDescription"]["KMSMasterKeyArn"], made["LatestStreamLabel"])


def make_bucket(aws: AwsRecords, backend: Backend) -> None:
    """Create the bucket of the states, with versioning as Terraform advises."""
    s3 = aws.client("s3")
    elsewhere = {} if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
    s3.create_bucket(Bucket=backend.bucket, **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}))
    s3.put_bucket_versioning(Bucket=backend.bucket, VersioningConfiguration={"Status": "Enabled"})


def make_table(aws: AwsRecords, table: str = TABLE) -> None:
    """Create the table as `terraform apply` creates it."""
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        SSESpecification={"Enabled": True},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": VIEW},
        DeletionProtectionEnabled=True,
        Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"AttributeName": "expiration", "Enabled": True}
    )
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def put(aws: AwsRecords, backend: Backend, content: Mapping[str, Any] | bytes) -> None:
    """Write a state, or the bytes that a test puts in its place."""
    body = content if isinstance(content, bytes) else json.dumps(content, indent=2).encode()
    aws.client("s3").put_object(
        Bucket=backend.bucket,
        Key=backend.object_key,
        Body=body,
        ContentType="application/json",
        ServerSideEncryption="AES256",
    )


def remove(aws: AwsRecords, backend: Backend) -> None:
    """Delete the state, not the table."""
    aws.client("s3").delete_object(Bucket=backend.bucket, Key=backend.object_key)


def state(table_arn: str, key_arn: str, label: str) -> dict[str, Any]:
    """Return the state that the first `terraform apply` of the layer leaves; tests/recorded has a real one.

    `label`: the stream's, the time at which it was enabled, e.g. "2026-01-31T12:00:00.000".
    """
    return {
        "version": FORMAT,
        "terraform_version": TERRAFORM,
        "serial": 1,
        "lineage": str(uuid.uuid4()),
        "outputs": {
            "table_arn": {"value": table_arn, "type": "string"},
            "table_name": {"value": named(table_arn), "type": "string"},
            "table_stream_arn": {"value": stream_arn(table_arn, label), "type": "string"},
        },
        "resources": [
            {
                "mode": "managed",
                "type": "aws_dynamodb_table",
                "name": "orders",
                "provider": PROVIDER,
                "instances": [
                    {
                        "schema_version": 1,
                        "attributes": _attributes(table_arn, key_arn, label),
                        "sensitive_attributes": [],
                        "private": PRIVATE,
                    }
                ],
            }
        ],
        "check_results": [
            {
                "object_kind": "var",
                "config_addr": "var.environment",
                "status": "pass",
                "objects": [{"object_addr": "var.environment", "status": "pass"}],
            }
        ],
    }


def _attributes(table_arn: str, key_arn: str, label: str) -> dict[str, Any]:
    return {
        "arn": table_arn,
        "id": named(table_arn),
        "name": named(table_arn),
        "attribute": [{"name": "id", "type": "S"}],
        "billing_mode": "PAY_PER_REQUEST",
        "deletion_protection_enabled": True,
        "global_secondary_index": [],
        "hash_key": "id",
        "import_table": [],
        "local_secondary_index": [],
        "range_key": None,
        "read_capacity": 0,
        "replica": [],
        "restore_date_time": None,
        "restore_source_name": None,
        "restore_to_latest_time": None,
        "stream_arn": stream_arn(table_arn, label),
        "stream_enabled": True,
        "stream_label": label,
        "stream_view_type": VIEW,
        "timeouts": None,
        "write_capacity": 0,
        "point_in_time_recovery": [{"enabled": True}],
        "server_side_encryption": [{"enabled": True, "kms_key_arn": key_arn}],
        "ttl": [{"attribute_name": "expiration", "enabled": True}],
        "table_class": "STANDARD",
        "tags": None,  # the provider's default tags are in `tags_all` alone
        "tags_all": TAGS,
    }


def named(table_arn: str) -> str:
    """Return the table's name."""
    return table_arn.rpartition("/")[2]


def stream_arn(table_arn: str, label: str) -> str:
    """Return the ARN of a table's stream.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
    """
    return f"{table_arn}/stream/{label}"
