"""Parse and apply paths as `pulumi config set --path` accepts them: `root.nested`, `root["a.key"]`, `root[0]`.

https://www.pulumi.com/docs/iac/cli/commands/pulumi_config_set/
"""

import re
from collections.abc import Sequence
from typing import Any

_PART = re.compile(r"""\.?(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|\["(?P<quoted>(?:\\"|[^"])*)"\]""")


class PathError(ValueError):
    """A text is not a path, or the value has no such place."""


def parsed(text: str) -> list[str | int]:
    """Return the parts of a path; the first is a name. Raises PathError."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or (at == 0 and text[0] == "."):
            raise PathError(f'invalid config key path {text!r}: expected a name, .NAME, [INDEX] or ["NAME"] at {at}')
        at = found.end()
        if found["index"] is not None:
            parts.append(int(found["index"]))
        else:
            parts.append(found["name"] if found["name"] is not None else found["quoted"].replace('\\"', '"'))
    if not parts or not isinstance(parts[0], str) or not parts[0]:
        raise PathError(f"invalid config key path {text!r}: the first part must be a name")
    return parts


def there(value: Any, path: Sequence[str | int]) -> bool:
    """Return whether a value has something at a path."""
    for part in path:
        match part, value:
            case int(index), list() if index < len(value):
                value = value[index]
            case str(key), dict() if key in value:
                value = value[key]
            case _:
                return False
    return True


def put(value: Any, path: Sequence[str | int], new: Any) -> Any:
    """Return the value with `new` at a path; it creates missing objects and lists on the way. Raises PathError."""
    if not path:
        return new
    first, *rest = path
    if isinstance(first, int):
        held = list(value) if isinstance(value, list) else []
        if first > len(held) or isinstance(value, dict):
            raise PathError(f"array index {first} is out of range")
        return [*held[:first], put(held[first] if first < len(held) else None, rest, new), *held[first + 1 :]]
    if isinstance(value, list):
        raise PathError(f"key {first!r} for an array must be an int")
    held_ = value if isinstance(value, dict) else {}
    return {**held_, first: put(held_.get(first), rest, new)}
