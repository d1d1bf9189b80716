"""The type of a rule, and the form of its messages."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from policy.view import UNKNOWN, Resource, Stack


@dataclass(frozen=True)
class Rule:
    """A rule: `check` yields a message for each way in which a resource of one of `types` breaks it.

    A rule that also reads other resources than the one it judges sets `whole`; Pulumi runs it when all are known. Any
    other rule also runs during an update, before the resource is created.
    """

    name: str
    about: str
    types: frozenset[str]
    check: Callable[[Resource, Stack], Iterable[str]]
    whole: bool = False

    def broken(self, resource: Resource, stack: Stack) -> list[str]:
        """Return the messages on one resource of any type."""
        return list(self.check(resource, stack)) if resource.type in self.types else []


def must(resource: Resource, duty: str, prop: str, value: Any, remedy: str) -> str:
    """Return a message: the resource, its duty, the property and its value, the remedy."""
    return f"{resource.name} must {duty}: {prop} is {shown(value)}; {remedy}"


def shown(value: Any) -> str:
    """Return a value as a stack's author would write it."""
    if value is None:
        return "not set"
    if value is UNKNOWN:
        return str(value.value)
    return json.dumps(value, sort_keys=True)
