"""What an order is and how one is placed. Money is whole minor units of the currency (cents); nothing here is a float.

At most one order per Idempotency-Key, ever. An order's id is derived from its key, and the table takes an id only
once. So when an invocation dies between writing the order and completing the idempotency record, or when that record
has expired, the next attempt with the key meets the order that it would have written: it answers with that order if the
body asks for the same, and refuses otherwise. The idempotency record alone could not promise this: it is written before
and after the order, never together with it.
"""

import re
import uuid
from datetime import datetime
from typing import NamedTuple, Protocol, TypedDict

# Fixed for ever: a change of it, or of `order_id`, would let a key that is already used place a second order.
KEYS = uuid.UUID("8a6f0c7e-5d0b-4c1e-9f57-1d2f6b7b9a41")
ORDER_ID = re.compile(r"ord_[0-9a-f]{32}")


class Item(TypedDict):
    """One line of an order."""

    sku: str
    quantity: int
    unit_price_cents: int


class NewOrder(TypedDict):
    """What a caller asks for, already validated by `schema.parse`."""

    customer_id: str
    currency: str
    items: list[Item]


class Order(NewOrder):
    """An order as it is stored and answered; `created_at` is ISO 8601 in UTC."""

    id: str
    total_cents: int
    created_at: str


class Placed(NamedTuple):
    """The order that stands under the key, and whether this call wrote it."""

    order: Order
    is_new: bool


class Table(Protocol):
    """Where orders are kept; see `store.Table`."""

    def add(self, order: Order) -> Order | None:
        """Write the order; the one that already stands under its id, if any, is left as it is and returned."""

    def get(self, order_id: str) -> Order | None:
        """The order with this id, or None."""


class KeyReusedError(Exception):
    """The key has already placed an order, and it asked for something else."""


def order_id(key: str) -> str:
    """The id of the only order that this Idempotency-Key can ever place."""
    return f"ord_{uuid.uuid5(KEYS, key).hex}"


def is_order_id(text: str) -> bool:
    """Whether the text has the form of an order's id; the ids of idempotency records never do."""
    return ORDER_ID.fullmatch(text) is not None


def place(table: Table, new: NewOrder, key: str, now: datetime) -> Placed:
    """Write the order and return it once the table has it; KeyReusedError if the key stands for another order."""
    order: Order = {
        "id": order_id(key),
        "customer_id": new["customer_id"],
        "currency": new["currency"],
        "items": new["items"],
        "total_cents": sum(item["quantity"] * item["unit_price_cents"] for item in new["items"]),
        "created_at": now.isoformat(timespec="milliseconds"),
    }
    standing = table.add(order)
    if standing is None:
        return Placed(order, is_new=True)
    if any(standing[field] != new[field] for field in ("customer_id", "currency", "items")):
        raise KeyReusedError
    return Placed(standing, is_new=False)
