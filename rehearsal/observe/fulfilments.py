"""Counts how often each order was fulfilled, by the records of the table's stream.

The stream has a record of every change of an item, so a second fulfilment of an order shows there, whatever the service
itself says of it: a write that changes nothing leaves none.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from rehearsal.observe.aws_records import AwsRecords
from rehearsal.observe.traffic import Orders, Traffic

PREFIX = "fulfilment#"  # of the id of the item that says that an order is fulfilled
PATIENCE = 60.0  # seconds until the consumer must have caught up once no order comes any more, even on a busy machine
PAUSE = 0.2  # seconds between two readings of the stream


class Fulfilments:
    """Reads a table's stream from its oldest record on. `writes`: by order, how often its fulfilment was written."""

    def __init__(self, aws: AwsRecords, table: str) -> None:
        self.writes: Counter[str] = Counter()
        self._client: Any = aws.client("dynamodbstreams")
        stream = aws.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self._iterators = [
            self._client.get_shard_iterator(
                StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            for shard in self._client.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
        ]

    def read(self) -> None:
        """Read what the stream has gained since the last reading."""
        self._iterators = [left for each in self._iterators if (left := self._read(each))]

    def wait_for(self, orders: Collection[str], patience: float = PATIENCE) -> None:
        """Read on until each of these orders was fulfilled, or that many seconds are over."""
        end = time.monotonic() + patience
        self.read()
        while any(order not in self.writes for order in orders) and time.monotonic() < end:
            time.sleep(PAUSE)
            self.read()

    def twice(self, orders: Collection[str]) -> int:
        """Return how many of these orders were fulfilled more than once."""
        return sum(self.writes[order] > 1 for order in orders)

    def _read(self, iterator: str) -> str | None:
        while iterator:
            answer = self._client.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                name = record["dynamodb"]["Keys"]["id"]["S"]
                if name.startswith(PREFIX) and record["eventName"] != "REMOVE":
                    self.writes[name.removeprefix(PREFIX)] += 1
            iterator = answer.get("NextShardIterator")
            if not answer["Records"]:
                return iterator
        return None


def read_back(aws: AwsRecords, table: str, traffic: Traffic) -> tuple[Orders, list[str]]:
    """Read every acknowledged order back once the consumer of the stream has caught up; return the numbers of orders,
    and the problem that the stream knows of fewer fulfilments than the orders themselves, if it is one."""
    fulfilments, placed = Fulfilments(aws, table), list(traffic.acknowledged)
    fulfilments.wait_for(placed)
    orders = traffic.read_back()
    fulfilments.read()
    problems = []
    if (seen := sum(each in fulfilments.writes for each in placed)) < orders.fulfilled:
        problems.append(
            f"orders: {orders.fulfilled} are fulfilled, but the stream has records of {seen} fulfilments alone, so "
            "how many were fulfilled twice is unknown"
        )
    return replace(orders, twice=fulfilments.twice(placed)), problems
