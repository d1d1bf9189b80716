"""A topic's messages are encrypted."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.tokens import TOPIC
from policy.view import Resource, Stack


def encryption(topic: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html"""
    if not topic.get("kmsMasterKeyId"):
        remedy = "give a KMS key whose policy lets the topic's publishers use it"
        yield must(topic, "be encrypted", "kmsMasterKeyId", topic.get("kmsMasterKeyId"), remedy)


RULES = (Rule("sns-encryption", "A topic is encrypted", frozenset({TOPIC}), encryption),)
