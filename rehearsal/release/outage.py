"""The outage of a rehearsal: what is live was fine, and fails at once for something that no release has changed.

Another system begins to keep a checksum at every order, in the table that it shares with the orders service: a binary
attribute, which JSON cannot hold. So every read of such an order raises, in whatever version.
"""

import hashlib
import time
from collections.abc import Iterable
from typing import Any

from rehearsal.environment.legacy_state import TABLE
from rehearsal.environment.workspace import ScratchError
from rehearsal.observe.aws_records import Aws

KEY = "strata:release.override"
OVERRIDE = "ann: orders cannot be read and this is the fix"
POSTS = 0.1  # of all requests: customers ask after their orders. The alarm needs four failed reads in each minute
PATIENCE = 180.0  # seconds until the alarm must be red, on a machine that does something else most of the time


def add_checksums(aws: Aws, orders: Iterable[str]) -> int:
    """Give each order a checksum; how many there were."""
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


def wait_until_red(aws: Aws, alarm: str) -> None:
    """Until CloudWatch has found the errors. Raises ScratchError where it does not."""
    client: Any = aws.client("cloudwatch")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = client.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        if found and found[0]["StateValue"] == "ALARM":
            return
        time.sleep(0.2)
    raise ScratchError(f"alarm {alarm} is not red after {PATIENCE:.0f} s of errors, so there is no outage to rehearse")
