"""Read the last orders of the table, for a page that a person looks at: ids, states and times, nothing of a customer.

The items' form is that of app/orders/store.py: an order's id begins with `ord_`, the item `fulfilment#` and its id says
that it is fulfilled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from infra.release.aws.clients import Clients
from infra.release.aws.errors import aws_call
from infra.release.reports.snapshot import OrderShown, OrdersShown

ORDER, FULFILMENT = "ord_", "fulfilment#"
MOST_READ = 1000
"""Items that are evaluated. The table has no index by time, so the newest of a larger one are not known."""
MOST_SHOWN = 10
NAMES = {"#id": "id", "#placed": "created_at", "#smoke": "smoke"}


def last(clients: Clients, table: str) -> OrdersShown:
    """Return the newest orders of those that were read, without those of smoke events. Raises AwsError.

    One page of a scan and one batch. Only these attributes leave DynamoDB:
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
    """
    with aws_call("dynamodb Scan", f"table {table}"):
        page = clients.tables.scan(
            TableName=table,
            Limit=MOST_READ,
            FilterExpression="begins_with(#id, :order)",
            ProjectionExpression=", ".join(NAMES),
            ExpressionAttributeNames=NAMES,
            ExpressionAttributeValues={":order": {"S": ORDER}},
        )
    orders = [each for each in page["Items"] if "smoke" not in each]
    newest = sorted(orders, key=lambda each: _text(each, "created_at"), reverse=True)[:MOST_SHOWN]
    done = _fulfilled(clients, table, [_text(each, "id") for each in newest])
    return OrdersShown(tuple(_shown(each, done) for each in newest), partial="LastEvaluatedKey" in page)


def _fulfilled(clients: Clients, table: str, ids: Iterable[str]) -> Mapping[str, str | None]:
    """Return when each order that is fulfilled was; None for one that DynamoDB did not answer for.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
    """
    keys = [{"id": {"S": f"{FULFILMENT}{each}"}} for each in ids]
    if not keys:
        return {}
    names = {"#id": "id", "#at": "fulfilled_at"}
    wanted = {"Keys": keys, "ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    with aws_call("dynamodb BatchGetItem", f"table {table}"):
        answer = clients.tables.batch_get_item(RequestItems={table: wanted})
    unread = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ())
    found: dict[str, str | None] = {_text(each, "id").removeprefix(FULFILMENT): None for each in unread}
    for each in answer["Responses"].get(table, ()):
        found[_text(each, "id").removeprefix(FULFILMENT)] = _text(each, "fulfilled_at")
    return found


def _shown(item: Mapping[str, Any], done: Mapping[str, str | None]) -> OrderShown:
    id_ = _text(item, "id")
    at = done.get(id_)
    state = "placed" if id_ not in done else "not known" if at is None else "fulfilled"
    return OrderShown(id_, state, _seconds(_text(item, "created_at")), _seconds(at or ""))


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
