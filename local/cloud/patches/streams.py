"""Patches of ministack's DynamoDB: records of streams, and items whose time to live has passed.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
"""

import itertools
import time
import uuid
from collections.abc import Callable
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.sources.runner import on_the_loop
from local.cloud.timeline import TIMELINE

_DYNAMODB = "services.dynamodb"
_RETENTION_SECONDS = 86_400.0
_LEAST_SECONDS = 0.5
"""Real seconds between two looks for expired items, however fast simulated time runs."""
_REST = 50
"""The pause until the next look, in times that the last took: else the looks at a full table take a fifth of a core."""
_EXPIRED_BY = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
_order = itertools.count(1)
Original = Callable[..., Any]


class Written(dict[str, Any]):
    """A record of a stream that knows exactly when it was written; its own time is rounded down to the second."""

    at: float


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam(_DYNAMODB, "_emit_stream_event", "table_name event_name old_item new_item replicate"),
        Seam(_DYNAMODB, "_extract_key_val", "attr"),
        Seam(_DYNAMODB, "_item_size_bytes", "item"),
        Seam(_DYNAMODB, "_remove_item", "table pk_val sk_val"),
        Seam("core.responses", "request_scope", "account_id region"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    return [
        Patch(
            Seam(_DYNAMODB, "_build_change_record", "table event_name old_item new_item view_type"),
            "a record had no size, and only the second in which it was written",
            _sized,
        ),
        Patch(
            Seam(_DYNAMODB, "_next_stream_seq", ""),
            "sequence numbers began with zeros",
            lambda _: lambda: f"{int(time.time() * 1000)}{next(_order):010d}",
        ),
        Patch(
            Seam(_DYNAMODB, "_record_age_cutoff", "record cutoff"),
            "the day for which a record is kept was a real one",
            lambda _: lambda record, cutoff: _too_old(record),  # noqa: ARG005 - ministack's own cutoff
        ),
    ]


def _sized(original: Original) -> Original:
    def build(table: Any, event_name: str, old_item: Any, new_item: Any, view_type: str) -> Written:
        record = Written(original(table, event_name, old_item, new_item, view_type))
        record.at = CLOCK.now()
        record["eventID"] = uuid.uuid4().hex
        change = record["dynamodb"]
        shown = (change["Keys"], change.get("NewImage"), change.get("OldImage"))
        change["SizeBytes"] = sum(ministack(_DYNAMODB)._item_size_bytes(item) for item in shown if item)
        return record

    return build


def _too_old(record: Any) -> bool:
    at = getattr(record, "at", record["dynamodb"]["ApproximateCreationDateTime"])
    return bool(at < CLOCK.now() - CLOCK.real(_RETENTION_SECONDS))


# Time to live


def start() -> None:
    """Delete expired items about each simulated minute; AWS does it within a few days. ministack's own thread, which
    wrote no records, finds nothing more."""
    settings: Any = ministack("core.responses").AccountRegionScopedDict
    service: Any = ministack(_DYNAMODB)
    service._ttl_settings = type("Settings", (settings,), {"all_items": lambda _: []})()
    _later(0.0)


def _later(took: float) -> None:
    TIMELINE.at(CLOCK.now() + max(_LEAST_SECONDS, CLOCK.minute, _REST * took), _look)


def _look() -> None:
    begun = time.monotonic()
    try:
        on_the_loop(_delete_expired)
    finally:
        _later(time.monotonic() - begun)


def _delete_expired() -> None:
    service: Any = ministack(_DYNAMODB)
    for (account, region, name), setting in list(service._ttl_settings._data.items()):
        if setting.get("TimeToLiveStatus") != "ENABLED":
            continue
        with ministack("core.responses").request_scope(account, region):
            table = service._tables.get(name)
            for hashed, items in list((table or {}).get("items", {}).items()):
                for ranged, item in list(items.items()):
                    if _expired(service, item, setting["AttributeName"]):
                        service._remove_item(table, hashed, ranged)
                        _record_of_expiry(service, name, item)


def _expired(service: Any, item: Any, attribute: str) -> bool:
    """Return True if an item has expired. A value that is no number, or five years old, never does."""
    given = item.get(attribute) or {}
    if "N" not in given:
        return False
    at = float(service._extract_key_val(given))
    return time.time() - 5 * 365 * 86_400 < at <= time.time()


def _record_of_expiry(service: Any, table: str, item: Any) -> None:
    service._emit_stream_event(table, "REMOVE", item, None)
    if written := service._stream_records.get(table):
        written[-1]["userIdentity"] = dict(_EXPIRED_BY)
