"""DynamoDB's streams, as the readers of their shards and the checks of mappings need them."""

from collections.abc import Callable, Sequence
from typing import Any

from local.cloud.identity import guard
from local.cloud.ministack import Seam, ministack
from local.cloud.sources import destinations
from local.cloud.sources.batches import Discard
from local.cloud.sources.filters import Filter
from local.cloud.sources.mappings import Mapping
from local.cloud.sources.runner import on_loop

_DYNAMODB = "services.dynamodb"
ACTIONS = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
NEEDS = [
    Seam(_DYNAMODB, "closed_stream", "stream_arn"),
    Seam(_DYNAMODB, "stream_live_records", "table_name account_id region"),
    Seam(_DYNAMODB, "stream_start_position", "table_name account_id region"),
]


def readable(role: str, session: str, stream: str) -> bool:
    """Return True if the role may read the stream."""
    return all(guard.acts(role, session, f"dynamodb:{action}", stream) for action in ACTIONS)


def records(stream: str, position: int) -> tuple[int, Sequence[Any]] | None:
    """Return the records of a stream of the current account from a position on, or from the oldest that there still is,
    and the position of the first; None if there is no such stream. One that was disabled can be read for a day."""
    service: Any = ministack(_DYNAMODB)
    table = stream.partition("/stream/")[0].partition(":table/")[2]
    found = service._tables.get(table) or {}
    if found.get("LatestStreamArn") == stream and (found.get("StreamSpecification") or {}).get("StreamEnabled"):
        oldest, stored = service.stream_start_position(table), service.stream_live_records(table)
    elif closed := service.closed_stream(stream):
        oldest, stored = closed["trimmed"], closed["records"]
    else:
        return None
    return max(position, oldest), stored[max(position - oldest, 0) :]


class MappedStream:
    """The stream of one mapping. All of it is done on the event loop."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping

    def records(self, position: int) -> tuple[int, Sequence[Any]] | None:
        """Return the records from a position on, or from the oldest, and the position of the first; None if there is no
        such stream."""
        return on_loop(self._mapping, lambda: records(self._mapping.source, position))

    def readable(self) -> bool:
        """Return True if the function's role may read it."""

        def asked() -> bool:
            return readable(self._mapping.role(), self._mapping.record["FunctionName"], self._mapping.source)

        return on_loop(self._mapping, asked)

    def passes(self) -> Callable[[Any], bool]:
        """Return the test of whether a record passes the mapping's filters."""
        return Filter(self._mapping.record.get("FilterCriteria")).passes

    def give_up(self, discard: Discard) -> None:
        """Send records that are given up to the mapping's destination."""
        destinations.send(self._mapping, discard)
