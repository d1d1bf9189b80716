"""Finds violations of botocore's model in a request: required members, enumerations, patterns, lengths and ranges."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.model import Shape  # type: ignore[import-untyped]


class Violation(NamedTuple):
    """One violated constraint, in AWS's words."""

    path: str
    """The path of the value, e.g. `metricData.1.member.dimensions`."""
    member: str
    """The last name in the path that is a member's, e.g. `Dimensions`."""
    value: Any
    constraint: str
    missing: bool = False

    def __str__(self) -> str:
        value = "null" if self.missing else f"'{self.value}'"
        return f"Value {value} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def violations(shape: Shape | None, value: Any, path: str = "", member: str = "") -> Iterator[Violation]:
    """Yield every constraint of `shape` that `value` does not meet, in the model's order."""
    if shape is None:
        return
    if shape.type_name == "structure":
        for name, inner in shape.members.items():
            where = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
            if name in value:
                yield from violations(inner, value[name], where, name)
            elif name in shape.required_members:
                yield Violation(where, name, None, "Member must not be null", missing=True)
        return
    for constraint in _broken(shape, value):
        yield Violation(path, member, value, constraint)
    if shape.type_name == "list":
        for index, item in enumerate(value, 1):
            yield from violations(shape.member, item, f"{path}.{index}.member", member)


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    rules = shape.metadata
    if enum := rules.get("enum"):
        if value not in enum:
            yield f"Member must satisfy enum value set: [{', '.join(enum)}]"
        return
    sized = shape.type_name in {"string", "list", "map"}
    amount = len(value) if sized else value
    noun = "length" if sized else "value"
    if "min" in rules and amount < rules["min"]:
        yield f"Member must have {noun} greater than or equal to {rules['min']}"
    if "max" in rules and amount > rules["max"]:
        yield f"Member must have {noun} less than or equal to {rules['max']}"
    pattern = rules.get("pattern")
    if pattern and shape.type_name == "string" and not re.fullmatch(_python(pattern), value):
        yield f"Member must satisfy regular expression pattern: {pattern}"


def _python(pattern: str) -> str:
    """Translate a model's Java pattern to Python, which has no property classes: they then match any word character."""
    return re.sub(r"\\p\{\w+\}", r"\\w", pattern)
