"""A table can be restored, is encrypted, and in production cannot be deleted by one call."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import TABLE
from policy.view import UNKNOWN, Resource, Stack


def recovery(table: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.html"""
    duty = "be recoverable to any second of the last 35 days"
    yield from _enabled(table, duty, "pointInTimeRecovery.enabled")


def encryption(table: Resource, stack: Stack) -> Iterator[str]:
    """Without this the key is DynamoDB's own, whose use is not logged for the account.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html
    """
    yield from _enabled(table, "be encrypted by a KMS key of the account", "serverSideEncryption.enabled")


def protection(table: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html"""
    if stack.settings.production:
        yield from _enabled(table, "refuse its deletion in production", "deletionProtectionEnabled")


def _enabled(table: Resource, duty: str, path: str) -> Iterator[str]:
    value = table.get(path)
    if value is not UNKNOWN and value is not True:
        yield must(table, duty, path, value, "set it to true")


RULES = (
    Rule("dynamodb-recovery", "A table can be restored to any second", frozenset({TABLE}), recovery),
    Rule("dynamodb-encryption", "A table is encrypted by a key of the account", frozenset({TABLE}), encryption),
    Rule("dynamodb-protection", "A production table refuses its deletion", frozenset({TABLE}), protection),
)
