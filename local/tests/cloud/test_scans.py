"""Scans of DynamoDB tables."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

KINDS, EACH = ("claim#", "fulfilment#", "ord_"), 40


@pytest.fixture
def tables(client: Callable[[str], Any]) -> Any:
    return client("dynamodb")


def create(tables: Any, name: str, *keys: str) -> None:
    tables.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
    )


def pages(tables: Any, name: str, limit: int) -> Sequence[list[dict[str, Any]]]:
    """Each page of a scan."""
    found = tables.get_paginator("scan").paginate(TableName=name, PaginationConfig={"PageSize": limit})
    return [page["Items"] for page in found]


def test_a_page_has_items_of_every_kind_and_all_pages_have_each_item_once(tables: Any) -> None:
    create(tables, "orders", "id")
    ids = [f"{kind}{number:03}" for kind in KINDS for number in range(EACH)]
    for id_ in ids:
        tables.put_item(TableName="orders", Item={"id": {"S": id_}})
    found = [[item["id"]["S"] for item in page] for page in pages(tables, "orders", EACH)]
    assert all(any(id_.startswith(kind) for id_ in found[0]) for kind in KINDS)
    assert sorted(id_ for page in found for id_ in page) == sorted(ids)


def test_items_of_one_partition_are_together_in_the_order_of_their_sort_key(tables: Any) -> None:
    create(tables, "lines", "order", "line")
    keys = [(f"ord_{order}", f"{line:02}") for order in range(5) for line in range(8)]
    for order, line in reversed(keys):
        tables.put_item(TableName="lines", Item={"order": {"S": order}, "line": {"S": line}})
    found = [(item["order"]["S"], item["line"]["S"]) for page in pages(tables, "lines", 7) for item in page]
    assert sorted(found) == keys
    for order in dict(keys):
        lines = [place for place, key in enumerate(found) if key[0] == order]
        assert lines == list(range(lines[0], lines[0] + 8))
        assert [found[place][1] for place in lines] == [f"{line:02}" for line in range(8)]
    asked = {"KeyConditionExpression": "#o = :o", "ExpressionAttributeNames": {"#o": "order"}}
    queried = tables.query(TableName="lines", ExpressionAttributeValues={":o": {"S": "ord_3"}}, **asked)["Items"]
    assert [item["line"]["S"] for item in queried] == [f"{line:02}" for line in range(8)]
