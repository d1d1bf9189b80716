"""Orders, and how one is placed. Money is whole minor units of the currency (cents); there are no floats.

A caller's Idempotency-Key places at most one order, for ever. Before an order is written, a claim is written: an item
with the whole order, under a name made of caller and key, which the table accepts once and which never expires. Where
an invocation dies between claim, order and idempotency record, or the record has expired, the next attempt with the key
finds the claim. It writes the claimed order if it is missing, answers with it if the body asks for the same, and
refuses otherwise. The idempotency record alone is not enough: it is written before and after the order, never together
with it.

An order's id is random, so that no caller's key, however weak, leads to another caller's order. An order keeps its
owner where an authorizer of the API has identified the caller, and no other caller can read it, even by its id.

A stored order never changes. That it is fulfilled is an item of its own, which app.fulfilment writes once; an answer
with the order says so by its `state`.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, NotRequired, Protocol, TypedDict

from app.orders.prices import PRICES

ORDER_ID = re.compile(r"ord_[0-9a-f]{32}")


class Line(TypedDict):
    """One line of a requested order."""

    sku: str
    quantity: int


class Item(Line):
    """One line of an order, with the price at which it was placed."""

    unit_price_cents: int


class NewOrder(TypedDict):
    """A requested order, already validated by `schema.parse`."""

    customer_id: str
    currency: str
    items: list[Line]


class Order(TypedDict):
    """An order as it is stored; `created_at` is ISO 8601 in UTC. A smoke order has `smoke`, and is not fulfilled.

    `owner` is of `caller_of`; an order that was placed without a token has none.
    """

    id: str
    customer_id: str
    currency: str
    items: list[Item]
    total_cents: int
    created_at: str
    owner: NotRequired[str]
    smoke: NotRequired[Literal[True]]


class Placed(NamedTuple):
    """The order of the key. `is_new` is true if this call wrote it."""

    order: Order
    is_new: bool


class Table(Protocol):
    """The store of orders; see `store.Table`."""

    def claim(self, name: str, order: Order) -> Order | None:
        """Claim the name for the order; return the order that has claimed it already, else None."""

    def add(self, order: Order) -> Order | None:
        """Write the order; return the order that exists under its id already, else None."""

    def get(self, order_id: str) -> Order | None:
        """Return the order with this id, or None."""

    def fulfilled_at(self, order_id: str) -> str | None:
        """Return the time at which the order was fulfilled, or None."""


class KeyReusedError(Exception):
    """The key has already placed an order with another content."""


def new_id() -> str:
    """Return a random id, which cannot be guessed."""
    return f"ord_{secrets.token_hex(16)}"


def is_order_id(text: str) -> bool:
    """Return True if the text has the form of an order's id; ids of claims and idempotency records never have."""
    return ORDER_ID.fullmatch(text) is not None


def caller_of(issuer: str, subject: str) -> str:
    """Return a name of one caller, by the token's issuer and subject, which cannot be read from it.

    A subject is unique within its issuer alone: https://datatracker.ietf.org/doc/html/rfc7519#section-4.1.2
    """
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()


def scoped(key: str, caller: str | None) -> str:
    """Return the key as the caller's own, if the caller is known. It has a space, which no sent key has."""
    return f"{caller} {key}" if caller else key


def may_read(order: Order, caller: str | None) -> bool:
    """Return True if the order is the caller's; of an order without an owner the id alone is the secret."""
    return order.get("owner") in (None, caller)


def claim_name(key: str) -> str:
    """Return the name of the key's claim, from which the caller's key cannot be read."""
    return f"claim#{hashlib.sha256(key.encode()).hexdigest()}"


def fulfilment_name(order_id: str) -> str:
    """Return the name of the item that says that an order is fulfilled; app.fulfilment writes it."""
    return f"fulfilment#{order_id}"


def answered(order: Order, fulfilled_at: str | None = None) -> dict[str, Any]:
    """Return an order as it is answered: without its owner, with its state and, if it is fulfilled, the time."""
    shown = {name: value for name, value in order.items() if name != "owner"}
    if fulfilled_at is None:
        return {**shown, "state": "placed"}
    return {**shown, "state": "fulfilled", "fulfilled_at": fulfilled_at}


def place(
    table: Table,
    new: NewOrder,
    key: str,
    order_id: str,
    now: datetime,
    *,
    owner: str | None = None,
    smoke: bool = False,
) -> Placed:
    """Place the order under its key, and return it once the table has it; `order_id` is the id of a new order.

    Raises KeyReusedError where the key has placed an order with another content.
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
    if owner:
        order["owner"] = owner
    if smoke:
        order["smoke"] = True
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
    """Return the request that led to this order."""
    lines: list[Line] = [{"sku": item["sku"], "quantity": item["quantity"]} for item in order["items"]]
    return {"customer_id": order["customer_id"], "currency": order["currency"], "items": lines}
