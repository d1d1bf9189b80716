"""What a rule is, and how it speaks."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from policy.view import UNKNOWN, Resource, Stack


@dataclass(frozen=True)
class Rule:
    """`check` gives a message for each way in which a resource of one of `types` breaks it.

    A rule that looks at other resources than the one it judges says so by `whole`; it is asked when all are known. Any
    other is also asked during an update, before the resource is made.
    """

    name: str
    about: str
    types: frozenset[str]
    check: Callable[[Resource, Stack], Iterable[str]]
    whole: bool = False

    def broken(self, resource: Resource, stack: Stack) -> list[str]:
        """The messages on one resource, of whatever type."""
        return list(self.check(resource, stack)) if resource.type in self.types else []


def must(resource: Resource, duty: str, prop: str, value: Any, remedy: str) -> str:
    """X must Y: the property, its value, the remedy."""
    return f"{resource.name} must {duty}: {prop} is {shown(value)}; {remedy}"


def shown(value: Any) -> str:
    """A value as a stack's author would write it."""
    if value is None:
        return "not set"
    if value is UNKNOWN:
        return str(value.value)
    return json.dumps(value, sort_keys=True)
