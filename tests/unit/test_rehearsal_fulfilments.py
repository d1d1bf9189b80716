"""Fulfilments are counted by the records of the table's stream, so a second one shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rehearsal.observe.fulfilments import PREFIX, Fulfilments

TABLE, STREAM = "orders-prod", "arn:aws:dynamodb:eu-central-1:333333333333:table/orders-prod/stream/1"
PAGE = 2


def record(name: str, event: str = "INSERT") -> dict[str, Any]:
    return {"eventName": event, "dynamodb": {"Keys": {"id": {"S": name}}}}


class FakeAws:
    """A table whose stream has one shard, which is read in pages of PAGE records; `written` grows."""

    def __init__(self, *written: dict[str, Any]) -> None:
        self.written = list(written)
        self.late: list[dict[str, Any]] = []  # a record more with each reading at the stream's end

    def client(self, service: str) -> Any:
        assert service in {"dynamodb", "dynamodbstreams"}
        return self

    def describe_table(self, *, TableName: str) -> Any:  # noqa: N803
        assert TableName == TABLE
        return {"Table": {"LatestStreamArn": STREAM}}

    def describe_stream(self, *, StreamArn: str) -> Any:  # noqa: N803
        assert StreamArn == STREAM
        return {"StreamDescription": {"Shards": [{"ShardId": "shard-1"}]}}

    def get_shard_iterator(self, **asked: str) -> Any:
        assert asked == {"StreamArn": STREAM, "ShardId": "shard-1", "ShardIteratorType": "TRIM_HORIZON"}
        return {"ShardIterator": "0"}

    def get_records(self, *, ShardIterator: str) -> Any:  # noqa: N803
        start = int(ShardIterator)
        found: Sequence[dict[str, Any]] = self.written[start : start + PAGE]
        if not found and self.late:
            self.written.append(self.late.pop(0))
        return {"Records": found, "NextShardIterator": str(start + len(found))}


def test_the_service_writes_fulfilments_under_the_name_that_is_counted() -> None:
    source = (Path(__file__).resolve().parents[2] / "app/fulfilment/src/fulfilment.ts").read_text()
    assert f'const PREFIX = "{PREFIX}";' in source


def counted(aws: FakeAws) -> Fulfilments:
    return Fulfilments(aws, TABLE)  # type: ignore[arg-type]


def test_a_fulfilment_that_is_written_again_counts_as_twice() -> None:
    aws = FakeAws(
        record("ord_1"),
        record("fulfilment#ord_1"),
        record("fulfilment#ord_2"),
        record("fulfilment#ord_2", "MODIFY"),
        record("fulfilment#ord_3"),
    )
    found = counted(aws)
    found.read()
    assert dict(found.writes) == {"ord_1": 1, "ord_2": 2, "ord_3": 1}
    assert found.twice(["ord_1", "ord_2", "ord_3"]) == 1
    assert found.twice(["ord_1", "ord_3"]) == 0, "of these orders alone, not of a smoke event's"


def test_a_fulfilment_that_was_removed_and_written_again_counts_as_twice() -> None:
    events = ("INSERT", "REMOVE", "INSERT")
    found = counted(FakeAws(*(record("fulfilment#ord_1", event) for event in events)))
    found.read()
    assert found.twice(["ord_1"]) == 1


def test_each_record_is_counted_once_however_often_the_stream_is_read() -> None:
    found = counted(FakeAws(record("fulfilment#ord_1"), record("fulfilment#ord_2"), record("ord_9")))
    for _ in range(3):
        found.read()
    assert dict(found.writes) == {"ord_1": 1, "ord_2": 1}


def test_orders_that_are_fulfilled_late_are_waited_for() -> None:
    aws = FakeAws(record("fulfilment#ord_1"))
    aws.late = [record("ord_2"), record("fulfilment#ord_2")]
    found = counted(aws)
    found.wait_for(["ord_1", "ord_2"])
    assert set(found.writes) == {"ord_1", "ord_2"}


def test_an_order_that_is_never_fulfilled_is_not_waited_for_longer_than_patience() -> None:
    found = counted(FakeAws(record("fulfilment#ord_1")))
    found.wait_for(["ord_1", "ord_2"], patience=0.0)
    assert "ord_2" not in found.writes
