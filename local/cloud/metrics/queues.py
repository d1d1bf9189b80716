"""The metrics that SQS publishes of each queue, every minute.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.metrics.store import STORE
from local.cloud.ministack import ministack

_SQS = "services.sqs"
_NAMESPACE = "AWS/SQS"
VISIBLE = "ApproximateNumberOfMessagesVisible"
NOT_VISIBLE = "ApproximateNumberOfMessagesNotVisible"
DELAYED = "ApproximateNumberOfMessagesDelayed"


def publish(end: float) -> None:
    """Publish the numbers of messages in every queue as those of the minute that ends at `end`."""
    at = end - CLOCK.minute / 2
    for (account, region, _), queue in ministack(_SQS)._queues.all_items():
        for name, value in numbers(queue["messages"], CLOCK.now()).items():
            STORE.record(account, region, _NAMESPACE, name, {"QueueName": queue["name"]}, value, "Count", at)


def numbers(messages: list[dict[str, Any]], now: float) -> dict[str, int]:
    """Return the numbers of messages that are visible, received and not yet deleted, and delayed."""
    found = dict.fromkeys((VISIBLE, NOT_VISIBLE, DELAYED), 0)
    for message in list(messages):
        hidden = NOT_VISIBLE if message.get("receive_count") else DELAYED
        found[VISIBLE if message.get("visible_at", now) <= now else hidden] += 1
    return found
