"""The one DynamoDB table of this service: orders, and the claims and idempotency records that guard their creation.

Hash key `id` (S). An order's id is `ord_` and 32 hexadecimal digits; a claim's begins with `claim#`, a record's with
`idempotency#`, so neither can be read as an order. Of a fulfilled order there is an item `fulfilment#` and its id, with
`fulfilled_at`, which app.fulfilment writes. Only records have the TTL attribute `expiration`, so DynamoDB
expires no order and no claim.

The calls, which are all that the function's role needs on this table:
- dynamodb:GetItem      an order, a fulfilment (strongly consistent); a record (if a refused write lacks it)
- dynamodb:PutItem      a claim, an order, a record; each with a condition
- dynamodb:UpdateItem   a record, when its order is written
- dynamodb:DeleteItem   a record, when placing its order failed; all three, when a smoke order was placed
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from app.orders.orders import fulfilment_name

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from app.orders.orders import Order

RECORDS_LAST = 24 * 60 * 60  # seconds; after that, the claim alone prevents a second order of the same key

# Powertools' default is the decorated function's name: a version that renames the function would not find the records
# of the other version, with which it shares the table and the traffic.
RECORD_PREFIX = "idempotency#POST /orders"

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


def connect() -> DynamoDBClient:
    """Return a client whose calls give up after two tries of 1 + 2 s at most, within the function's 10 s.

    So a table out of reach raises its reason; one that fails during a request may end in a time-out, which Lambda
    counts too. Connections stay open between invocations; one that died meanwhile costs the first try.
    """
    return boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=1,
            read_timeout=2,
            retries={"mode": "standard", "total_max_attempts": 2},
            tcp_keepalive=True,
        ),
    )


class Table:
    """Orders in DynamoDB. botocore's exceptions pass through, since a table out of reach is a fault of the service."""

    def __init__(self, name: str, client: DynamoDBClient) -> None:
        self.name = name
        self.client = client

    def add(self, order: Order) -> Order | None:
        """Write the order; return None once DynamoDB has it, else the order that exists under its id already."""
        standing = self._put_new(order)
        return None if standing is None else _order(standing)

    def claim(self, name: str, order: Order) -> Order | None:
        """Claim the name for the order, which this does not write; return the order that has claimed it already."""
        standing = self._put_new({"id": name, "order": order})
        return None if standing is None else _order(standing["order"]["M"])

    def _put_new(self, item: Any) -> dict[str, Any] | None:
        """Write the item, unless an item has its id, which is then returned.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
        """
        try:
            self.client.put_item(
                TableName=self.name,
                Item=_to_dynamodb(item)["M"],
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self.client.exceptions.ConditionalCheckFailedException as refusal:
            return cast("dict[str, Any]", cast("Any", refusal.response)["Item"])
        return None

    def get(self, order_id: str) -> Order | None:
        """Return the order with this id, or None; an acknowledged order is always found.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html
        """
        item = self._get(order_id)
        return None if item is None else _order(item)

    def fulfilled_at(self, order_id: str) -> str | None:
        """Return the time at which the order was fulfilled, in ISO 8601, or None; never an older state than before."""
        item = self._get(fulfilment_name(order_id))
        return None if item is None else str(item["fulfilled_at"]["S"])

    def _get(self, name: str) -> Any:
        return self.client.get_item(TableName=self.name, Key={"id": {"S": name}}, ConsistentRead=True).get("Item")

    def remove(self, name: str) -> None:
        """Delete the order or claim of a smoke event, if it exists."""
        self.client.delete_item(TableName=self.name, Key={"id": {"S": name}})

    def records(self) -> tuple[DynamoDBPersistenceLayer, IdempotencyConfig]:
        """Return Powertools' idempotency on this table, for requests of the form `{"key": ..., "order": ...}`.

        A record is locked until the invocation that wrote it times out (the caller registers Lambda's context with the
        config). Until then the same key is refused as in progress; after that the invocation has ended, and the next
        attempt takes over.
        """
        config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="order",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=RECORDS_LAST,
            hash_function="sha256",
        )
        layer = DynamoDBPersistenceLayer(table_name=self.name, boto3_client=self.client)
        layer.configure(config, key_prefix=RECORD_PREFIX)
        return layer, config


def _order(item: Any) -> Order:
    return cast("Order", _whole(_from_dynamodb({"M": item})))


def _whole(value: Any) -> Any:
    """Return the value with DynamoDB's Decimals as the ints that they were."""
    match value:
        case Decimal():
            return int(value)
        case dict():
            return {name: _whole(inner) for name, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case _:
            return value
