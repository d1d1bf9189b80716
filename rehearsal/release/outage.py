"""Causes the outage of a rehearsal: the live version begins to fail, although no release has changed anything.

Another system begins to write a checksum to every order, in the table that it shares with the orders service: a binary
attribute, which JSON cannot hold. So every read of such an order raises, whatever the version.
"""

import hashlib
import time
from collections.abc import Iterable
from typing import Any

from rehearsal.environment.legacy_state import TABLE
from rehearsal.environment.workspace import ScratchError
from rehearsal.observe.aws_records import AwsRecords

KEY = "strata:release.override"
OVERRIDE = "ann: orders cannot be read and this is the fix"
POSTS = 0.1  # share of all requests: customers read their orders. The alarm needs four failed reads in each minute
PATIENCE = 180.0  # seconds until the alarm must be red, even on a busy machine


def add_checksums(aws: AwsRecords, orders: Iterable[str]) -> int:
    """Add a checksum to each order; return the number of orders."""
    client, count = aws.client("dynamodb"), 0
    for order in orders:
        client.update_item(
            TableName=TABLE,
            Key={"id": {"S": order}},
            UpdateExpression="SET checksum = :sum",
            ExpressionAttributeValues={":sum": {"B": hashlib.sha256(order.encode()).digest()}},
        )
        count += 1
    return count


def wait_until_red(aws: AwsRecords, alarm: str) -> None:
    """Wait until the alarm is in ALARM. Raises ScratchError if it is not after PATIENCE seconds."""
    client: Any = aws.client("cloudwatch")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = client.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        if found and found[0]["StateValue"] == "ALARM":
            return
        time.sleep(0.2)
    raise ScratchError(f"alarm {alarm} is not red after {PATIENCE:.0f} s of errors, so there is no outage to rehearse")
