"""A stack as the rules see it: frozen, and without Pulumi, so that a rule is a function and its test a line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any


class Unknown(Enum):
    """A value that AWS computes, before it has: a preview does not know it, and no rule judges it."""

    UNKNOWN = "known after the update"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True)
class Resource:
    """One resource. `props` are Pulumi's, in its camel case, with UNKNOWN where a preview cannot tell.

    `uses` says from which other resources' outputs a property is made: property -> URNs.
    """

    type: str
    name: str
    props: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    ignore_changes: frozenset[str] = frozenset()
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    urn: str = ""

    def get(self, path: str) -> Any:
        """The value at a dotted path, e.g. "pointInTimeRecovery.enabled"; None where nothing is there."""
        value: Any = self.props
        for step in path.split("."):
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(step) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class AgreedException:
    """That `resource` need not keep `rule`, for a reason and until a day, which is its last."""

    resource: str
    rule: str
    reason: str
    expires: date


@dataclass(frozen=True)
class Settings:
    """What one stack is held to. `boundary`: the name of the permissions boundary that its roles carry.

    `mistakes` are sentences on what the settings' file has wrong, reported like a violation.
    """

    production: bool = True
    boundary: str = "strata-boundary"
    exceptions: tuple[AgreedException, ...] = ()
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    """All that is judged together, on the day `today`."""

    name: str
    resources: tuple[Resource, ...]
    settings: Settings
    today: date

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of these types."""
        return (resource for resource in self.resources if resource.type in types)

    def used(self, resource: Resource, path: str) -> tuple[Resource, ...]:
        """The resources from whose outputs the property at `path` is made."""
        urns = resource.uses.get(path.partition(".")[0], ())
        return tuple(other for other in self.resources if other.urn in urns)
