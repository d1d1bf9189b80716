"""Smoke orders: placed by the real code in the real table, gone before they are answered, and never counted.

The smoke hook marks its events at the top level, where an HTTP API puts nothing that comes from a client: headers,
query and body lie below it. So only who may invoke the function itself can place a smoke order. Its key holds a space,
which a client's key never does: neither the claim nor its record can be a client's.
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
    """Whether the smoke hook sent this event."""
    return event.get(MARK) is True


def key(sent: str) -> str:
    """The key under which a smoke event places its order."""
    return PREFIX + sent


def order_id(key: str) -> str:
    """The id of the order that a smoke event places: known beforehand, so that another event can ask for it."""
    return f"ord_{uuid.uuid5(_IDS, key).hex}"


def is_key(key: str) -> bool:
    """Whether the key is a smoke event's."""
    return key.startswith(PREFIX)


@contextmanager
def no_trace(table: Table, records: DynamoDBPersistenceLayer, key: str) -> Iterator[str]:
    """What is placed under the key within the block is gone after it, order, claim and record; so is what a run that
    died left behind, before it."""
    _remove(table, records, key)
    try:
        yield key
    finally:
        _remove(table, records, key)


def _remove(table: Table, records: DynamoDBPersistenceLayer, key: str) -> None:
    """The order first: without it, a record that stays only lasts its day."""
    table.remove(order_id(key))
    table.remove(orders.claim_name(key))
    records.delete_record({"key": key}, exception=Exception("a smoke order is not kept"))
