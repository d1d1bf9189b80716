"""What an order is and how one is placed. Money is whole minor units of the currency (cents); nothing here is a float.

At most one order per Idempotency-Key and caller, ever. Before an order is written, the key is claimed for it: an item
that holds the whole order under a name made of caller and key, which the table takes once and which never expires. So
when an invocation dies between claim, order and idempotency record, or when that record has expired, the next attempt
with the key meets the claim: it writes the order that the claim holds, if that is not there yet, and answers with it if
the body asks for the same, and refuses otherwise. The idempotency record alone could not promise this: it is written
before and after the order, never together with it.

An order's id is random, so that no key of a caller, however weak, leads to the order of another one.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypedDict

from app.orders.prices import PRICES

ORDER_ID = re.compile(r"ord_[0-9a-f]{32}")


class Line(TypedDict):
    """One line of what a caller asks for."""

    sku: str
    quantity: int


class Item(Line):
    """One line of an order, with the price at which it was placed."""

    unit_price_cents: int


class NewOrder(TypedDict):
    """What a caller asks for, already validated by `schema.parse`."""

    customer_id: str
    currency: str
    items: list[Line]


class Order(TypedDict):
    """An order as it is stored and answered; `created_at` is ISO 8601 in UTC."""

    id: str
    customer_id: str
    currency: str
    items: list[Item]
    total_cents: int
    created_at: str


class Placed(NamedTuple):
    """The order that stands under the key, and whether this call wrote it."""

    order: Order
    is_new: bool


class Table(Protocol):
    """Where orders are kept; see `store.Table`."""

    def claim(self, name: str, order: Order) -> Order | None:
        """Keep the name for the order; the one that it is kept for already, if any, is left as it is and returned."""

    def add(self, order: Order) -> Order | None:
        """Write the order; the one that already stands under its id, if any, is left as it is and returned."""

    def get(self, order_id: str) -> Order | None:
        """The order with this id, or None."""


class KeyReusedError(Exception):
    """The key has already placed an order, and it asked for something else."""


def new_id() -> str:
    """An id that no one can guess."""
    return f"ord_{secrets.token_hex(16)}"


def is_order_id(text: str) -> bool:
    """Whether the text has the form of an order's id; the ids of claims and of idempotency records never do."""
    return ORDER_ID.fullmatch(text) is not None


def scoped(key: str, issuer: str, subject: str) -> str:
    """The key as one caller's own, whom a token's issuer and subject name. It holds a space, as no sent key does."""
    caller = hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()
    return f"{caller} {key}"


def claim_name(key: str) -> str:
    """The name under which the key is claimed; the key, which is the caller's, is not readable from it."""
    return f"claim#{hashlib.sha256(key.encode()).hexdigest()}"


def place(table: Table, new: NewOrder, key: str, order_id: str, now: datetime) -> Placed:
    """The order of the key, once the table has it; KeyReusedError if the key stands for another one.

    `order_id` is for an order that is new.
    """
    items = _priced(new["items"], new["currency"])
    order: Order = {
        "id": order_id,
        "customer_id": new["customer_id"],
        "currency": new["currency"],
        "items": items,
        "total_cents": sum(item["quantity"] * item["unit_price_cents"] for item in items),
        "created_at": now.isoformat(timespec="milliseconds"),
    }
    claimed = table.claim(claim_name(key), order)
    if claimed is not None:
        if _asked(claimed) != new:
            raise KeyReusedError
        order = claimed
    return Placed(order, is_new=table.add(order) is None)


def _priced(lines: Sequence[Line], currency: str) -> list[Item]:
    return [
        {"sku": line["sku"], "quantity": line["quantity"], "unit_price_cents": PRICES[line["sku"]][currency]}
        for line in lines
    ]


def _asked(order: Order) -> NewOrder:
    """What the caller of this order asked for."""
    lines: list[Line] = [{"sku": item["sku"], "quantity": item["quantity"]} for item in order["items"]]
    return {"customer_id": order["customer_id"], "currency": order["currency"], "items": lines}
