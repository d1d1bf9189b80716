"""Log groups are declared, and have a retention."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import FUNCTION, LOG_GROUP
from policy.view import UNKNOWN, Resource, Stack

REMEDY = "set retention_in_days to one of the periods that CloudWatch Logs offers"


def retention(group: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""
    days = group.get("retentionInDays")
    if days is not UNKNOWN and not days:
        yield must(group, "delete its logs after a time", "retentionInDays", days, REMEDY)


def logs(function: Resource, stack: Stack) -> Iterator[str]:
    """Lambda creates a missing group without a retention, so that its logs stay for ever.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
    """
    name = function.get("name")
    group = function.get("loggingConfig.logGroup")
    wanted = group if isinstance(group, str) else f"/aws/lambda/{name}"
    declared = [one.get("name") for one in stack.of(LOG_GROUP)]
    if name is not UNKNOWN and UNKNOWN not in declared and wanted not in declared:
        yield must(function, "write to a log group of the stack", "its log group", wanted, f"declare it, and {REMEDY}")


RULES = (
    Rule("cloudwatch-retention", "A log group has a retention", frozenset({LOG_GROUP}), retention),
    Rule("cloudwatch-log-group", "A function's log group is declared", frozenset({FUNCTION}), logs, whole=True),
)
