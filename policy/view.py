"""A stack as frozen data without Pulumi, so that a rule is a pure function and its test one line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any


class Unknown(Enum):
    """A value that AWS has not computed yet: a preview does not know it, and no rule judges it."""

    UNKNOWN = "known after the update"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True)
class Resource:
    """One resource. `props` are Pulumi's, in its camel case, with UNKNOWN where a preview does not know the value.

    `uses` has the URNs of the resources from whose outputs a property is made, by property.
    """

    type: str
    name: str
    props: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    ignore_changes: frozenset[str] = frozenset()
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    urn: str = ""

    def get(self, path: str) -> Any:
        """Return the value at a dotted path, e.g. "pointInTimeRecovery.enabled"; None where nothing is there."""
        value: Any = self.props
        for step in path.split("."):
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(step) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class AgreedException:
    """An agreement that `resource` need not keep `rule`, for a reason and until a day, which is its last."""

    resource: str
    rule: str
    reason: str
    expires: date


@dataclass(frozen=True)
class Settings:
    """The settings of one stack. `boundary` is the name of the permissions boundary that its roles must have.

    `mistakes` are the errors of the settings' file, a sentence each; the pack reports them like violations.
    """

    production: bool = True
    boundary: str = "strata-boundary"
    exceptions: tuple[AgreedException, ...] = ()
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    """The resources that are judged together, on the day `today`."""

    name: str
    resources: tuple[Resource, ...]
    settings: Settings
    today: date

    def of(self, *types: str) -> Iterator[Resource]:
        """Return the resources of these types."""
        return (resource for resource in self.resources if resource.type in types)

    def used(self, resource: Resource, path: str) -> tuple[Resource, ...]:
        """Return the resources from whose outputs the property at `path` is made."""
        urns = resource.uses.get(path.partition(".")[0], ())
        return tuple(other for other in self.resources if other.urn in urns)
