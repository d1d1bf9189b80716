"""The data layer: the table of orders, which outlives every version of the code and is protected from deletion."""

import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

from infra import source
from infra.config import DataConfig
from infra.contracts import DataOutputs
from infra.naming import Names
from infra.source import Source


class Data(ComponentResource):
    """One DynamoDB table, managed or adopted. A legacy table is Terraform's: see `infra.legacy`.

    Its stream has each new item; the services that read it say which they want.

    Other data needs a table of its own, since data in one table shares its throughput, its recovery and its loss.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
    """

    outputs: DataOutputs

    def __init__(self, name: str, *, names: Names, config: DataConfig, opts: ResourceOptions | None = None) -> None:
        super().__init__("strata:layers:Data", name, None, opts)
        table_name = config.table_name or names.table
        protect = config.deletion_protection or config.source is Source.ADOPTED
        table = aws.dynamodb.Table(
            f"{name}-orders",
            name=table_name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attributes=[aws.dynamodb.TableAttributeArgs(name="id", type="S")],
            # Only idempotency records carry it, so no order ever expires.
            ttl=aws.dynamodb.TableTtlArgs(attribute_name="expiration", enabled=True),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
            # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_StreamSpecification.html
            stream_enabled=True,
            stream_view_type="NEW_IMAGE",
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(enabled=True),
            deletion_protection_enabled=protect,
            opts=source.options(config.source, self, table_name, protect),
        )
        self.outputs = DataOutputs(table_name=table.name, table_arn=table.arn, stream_arn=table.stream_arn)
        self.register_outputs({"table_name": table.name, "table_arn": table.arn, "table_stream_arn": table.stream_arn})
