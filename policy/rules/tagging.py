"""Every resource has tags that name its project and stack."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from policy.rule import Rule, must
from policy.tokens import AWS_PROVIDER
from policy.view import UNKNOWN, Resource, Stack

TAGS = ("ManagedBy", "Project", "Stack")


def default_tags(provider: Resource, stack: Stack) -> Iterator[str]:
    """The provider sets the tags as default tags, so that no resource is forgotten.

    Pulumi passes a provider's nested settings as JSON.
    https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html
    """
    given: Any = provider.get("defaultTags")
    if given is UNKNOWN:
        return
    given = json.loads(given) if isinstance(given, str) else given
    tags = given.get("tags") if isinstance(given, Mapping) else None
    if tags is UNKNOWN:
        return
    if missing := [tag for tag in TAGS if tag not in (tags or {})]:
        remedy = f"add {', '.join(missing)}; a default provider has none, so give the resources this stack's own"
        yield must(provider, "tag every resource", "defaultTags.tags", tags, remedy)


RULES = (Rule("tagging-defaults", "Every resource is tagged", frozenset({AWS_PROVIDER}), default_tags),)
