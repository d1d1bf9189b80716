"""Converts the property bags between Pulumi's engine and a provider to plain Python. Standard library only.

A bag is a dict of strings, numbers, booleans, lists and dicts. What JSON lacks travels as a dict with a signature key:
https://www.pulumi.com/docs/iac/concepts/assets-archives/ and the SDK's `pulumi.runtime.rpc` name them.
"""

from collections.abc import Mapping
from typing import Any

SIGNATURE = "4dabf18193072939515e22adb298388d"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a public signature)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The placeholder of a value that a preview does not know yet."""

DEFAULTS = "__defaults"
"""The property in which inputs list the properties that the provider filled in; the engine hides it."""

Bag = dict[str, Any]


def signature(value: object) -> str | None:
    """Return the kind of a special value (ASSET, ARCHIVE, SECRET); None for a plain one."""
    return value.get(SIGNATURE) if isinstance(value, Mapping) else None


def from_struct(struct: Any) -> Bag:
    """Return a `google.protobuf.Struct` as a dict: whole numbers are ints, nulls are left out, secrets are plain
    values."""
    bag = {key: _from_value(value) for key, value in struct.fields.items()}
    return {key: value for key, value in bag.items() if value is not None}


def _from_value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        bag = from_struct(value.struct_value)
        return bag.get("value") if signature(bag) == SECRET else bag
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return None if kind in (None, "null_value") else getattr(value, kind)


def without_defaults(value: Any) -> Any:
    """Return `value` without the lists of filled-in properties, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_defaults(part) for key, part in value.items() if key != DEFAULTS}
    return [without_defaults(part) for part in value] if isinstance(value, list) else value


def holds_unknown(value: object) -> bool:
    """Return True if any part of `value` is still unknown."""
    if isinstance(value, Mapping):
        return any(holds_unknown(part) for part in value.values())
    if isinstance(value, list):
        return any(holds_unknown(part) for part in value)
    return value == UNKNOWN
