"""Smoke orders: the real code places them in the real table, and removes them before it answers; they are not counted.

Their items have `smoke`, by which app.fulfilment knows them in the table's stream and leaves them alone.

The smoke hook marks its events at the top level, where an HTTP API puts nothing that comes from a client: headers,
query and body are below it. So only a caller who may invoke the function itself can place a smoke order. Its key has a
space, which a client's key never has, so neither the claim nor the record can be a client's.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.orders import orders

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    from app.orders.store import Table

MARK = "smoke"  # the key of an event that app.hooks.smoke sends
PREFIX = "smoke "
_IDS = uuid.UUID("8a6f0c7e-5d0b-4c1e-9f57-1d2f6b7b9a41")


def is_smoke(event: Mapping[str, Any]) -> bool:
    """Return True if the smoke hook sent this event."""
    return event.get(MARK) is True


def key(sent: str) -> str:
    """Return the key under which a smoke event places its order."""
    return PREFIX + sent


def order_id(key: str) -> str:
    """Return the id of a smoke event's order, which is known beforehand so that another event can read the order."""
    return f"ord_{uuid.uuid5(_IDS, key).hex}"


def is_key(key: str) -> bool:
    """Return True if the key is a smoke event's."""
    return key.startswith(PREFIX)


@contextmanager
def no_trace(table: Table, records: DynamoDBPersistenceLayer, key: str) -> Iterator[str]:
    """Remove order, claim and record of the key after the block, and before it those that an aborted run left."""
    _remove(table, records, key)
    try:
        yield key
    finally:
        _remove(table, records, key)


def _remove(table: Table, records: DynamoDBPersistenceLayer, key: str) -> None:
    """Remove the order first: should the rest fail, a record without an order only lasts its day."""
    table.remove(order_id(key))
    table.remove(orders.claim_name(key))
    records.delete_record({"key": key}, exception=Exception("a smoke order is not kept"))
