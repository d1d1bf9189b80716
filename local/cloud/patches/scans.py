"""Scans of a table in DynamoDB's order: that of a hash of the partition key, which mixes items of every kind.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.Partitions.html
"""

import hashlib
from collections.abc import Callable
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack

_DYNAMODB = "services.dynamodb"
_WHY = "a scan was in the order of the keys, so the first page of a table had items of one kind alone"
Original = Callable[..., Any]
Item = dict[str, Any]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [Seam(_DYNAMODB, "_extract_key_val", "attr")]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    start = Seam(_DYNAMODB, "_apply_exclusive_start_key_scan", "all_items esk table")
    page = Seam(_DYNAMODB, "_paginate_evaluated_items", "items limit table index_name")
    return [Patch(start, _WHY, lambda _: _after), Patch(page, _WHY, _paged)]


def _paged(original: Original) -> Original:
    def page(items: list[Item], limit: int | None, table: Item, index_name: str | None = None) -> Any:
        # The items of a query have one partition key, so they stay in the order of the sort key.
        ordered = items if index_name else sorted(items, key=lambda item: _place(item, table)[0])
        return original(ordered, limit, table, index_name)

    return page


def _after(all_items: list[Item], esk: Item, table: Item) -> list[Item]:
    start = _place(esk, table)
    return [item for item in all_items if _place(item, table) > start]


def _place(item: Item, table: Item) -> tuple[bytes, str]:
    """Return where an item, or a key, is: the hash of its partition key, and its sort key."""
    value = ministack(_DYNAMODB)._extract_key_val
    partition, sort = (value(item.get(table[name], {})) if table[name] else "" for name in ("pk_name", "sk_name"))
    return hashlib.sha256(str(partition).encode()).digest(), sort
