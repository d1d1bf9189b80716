"""Read YAML as the Pulumi CLI does, not as Python does: the CLI is a Go program that uses gopkg.in/yaml.v3.

There `012345678901` is a number and `yes` a string, `0x1F` and `1_000` are numbers, `12:30:45` is a string, a day is a
timestamp, and a key given twice is an error. The package's resolve.go and decode.go define this.
https://pkg.go.dev/gopkg.in/yaml.v3
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import yaml  # type: ignore[import-untyped]

_NULL, _BOOL, _INT, _FLOAT, _TIME, _TEXT = "null", "bool", "int", "float", "timestamp", "str"
_WORDS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("true", "True", "TRUE"), (_BOOL, True)),
    **dict.fromkeys(("false", "False", "FALSE"), (_BOOL, False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (_NULL, None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (_FLOAT, math.nan)),
    **{sign + word: (_FLOAT, math.inf) for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **{"-" + word: (_FLOAT, -math.inf) for word in (".inf", ".Inf", ".INF")},
}
_WHOLE = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MOMENT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:(?P<t>[Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(?P<zone>Z|[-+]\d\d:\d\d)?)?"
)
_STANDARD = "tag:yaml.org,2002:"
SMALLEST, LARGEST, LARGEST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-6, 1e21


class YamlError(ValueError):
    """The CLI would not accept a text as YAML. The message is close to the CLI's own."""


@dataclass(frozen=True)
class Moment:
    """A timestamp. Pulumi gives it to a program as Go prints it, e.g. "2026-01-31 00:00:00 +0000 UTC"."""

    at: datetime
    fraction: str = ""  # digits of a second, without zeros at the end

    def __str__(self) -> str:
        zone = f"{self.at:%z}"
        fraction = f".{self.fraction}" if self.fraction else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S}{fraction} {zone} {'UTC' if zone == '+0000' else zone}"

    def rfc3339(self) -> str:
        """Format the timestamp as Go's JSON encoder does."""
        fraction = f".{self.fraction}" if self.fraction else ""
        zone = f"{self.at:%z}"
        return f"{self.at:%Y-%m-%dT%H:%M:%S}{fraction}{'Z' if zone == '+0000' else f'{zone[:3]}:{zone[3:]}'}"


def load(text: bytes) -> Any:
    """Load the first document: None, bool, int, float, str, Moment, list and dict. A key of a dict is a str, or an
    OtherKey if it is not a string in YAML. Raises YamlError."""
    loader = None
    try:
        loader = _Loader(text.removeprefix(b"\xef\xbb\xbf"))
        return _value(loader.get_node(), ()) if loader.check_node() else None
    except yaml.YAMLError as problem:
        raise YamlError(f"invalid YAML file: {' '.join(str(problem).split())}") from None
    except RecursionError:
        raise YamlError("invalid YAML file: it is nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


class OtherKey(str):
    """A key that is not a string in YAML, as Go prints it."""

    __slots__ = ()


def json_text(value: Any) -> str:
    """Format a value as Go's JSON encoder does. Raises YamlError."""
    if isinstance(value, float):
        return _float_text(value)
    return (
        str(value)
        if isinstance(value, int) and not isinstance(value, bool)
        else json.dumps(_plain(value), ensure_ascii=False)
    )


def _plain(value: Any) -> Any:
    """Convert numbers inside an object: a float without a fraction to int, an int beyond 63 bits to float."""
    match value:
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case Moment():
            return str(value)
        case bool():
            return value
        case float() | int() if isinstance(value, float) or value > LARGEST:
            text = _float_text(float(value))
            return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    return value


def _float_text(value: float) -> str:
    """Format a float as Go's JSON encoder does: with an exponent only below 1e-6 and from 1e21.

    https://pkg.go.dev/encoding/json#Marshal
    """
    if not math.isfinite(value):
        raise YamlError(f"json: unsupported value: {'NaN' if math.isnan(value) else f'{value:+}'.title()}")
    if value == 0:
        return "0"  # -0.0 too: the CLI writes what it has read once more, as -0, and reads that
    if SMALLEST_PLAIN <= abs(value) < LARGEST_PLAIN:
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return re.sub(r"e([-+])0*", r"e\1", repr(value))


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Composes nodes. It gives no tag to a map, a list or a plain scalar; `_scalar` decides a scalar's type."""

    def resolve(self, kind: type, _: str | None, implicit: Any) -> str:
        return "" if kind is not yaml.ScalarNode or implicit[0] else _STANDARD + _TEXT

    def compose_node(self, parent: Any, index: Any) -> Any:
        if not self.check_event(yaml.AliasEvent):
            self.anchors.pop(self.peek_event().anchor, None)  # one may be given again
        return super().compose_node(parent, index)


def _value(node: yaml.Node, within: tuple[yaml.Node, ...]) -> Any:
    if node in within:
        raise YamlError(f"line {_line(node)}: an anchor's value contains itself")
    within = (*within, node)
    match node:
        case yaml.ScalarNode():
            return _scalar(node)
        case yaml.SequenceNode():
            return [_value(each, within) for each in node.value]
    _once(node)
    found: dict[str, Any] = {}
    for key, value in _entries(node, within):
        found.setdefault(_key(key, within), _value(value, (*within, key)))
    return found


def _entries(node: yaml.MappingNode, within: tuple[yaml.Node, ...]) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Yield a mapping's entries: its own keys, then the merged ones; the first entry of a key counts.

    https://yaml.org/type/merge.html
    """
    merged = [value for key, value in node.value if _merges(key)]
    yield from ((key, value) for key, value in node.value if not _merges(key))
    for value in merged:
        for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(each, yaml.MappingNode):
                raise YamlError(f"line {_line(each)}: map merge requires map or sequence of maps as the value")
            if each in within:
                raise YamlError(f"line {_line(each)}: an anchor's value contains itself")
            _once(each)
            yield from _entries(each, (*within, each))


def _merges(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.tag in {"", _STANDARD + "merge"}


def _once(node: yaml.MappingNode) -> None:
    seen: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(f"line {_line(key)}: invalid map key: it is a map or a list")
        if (first := seen.setdefault(key.value, key)) is not key:
            shown = json.dumps(key.value, ensure_ascii=False)
            raise YamlError(f"line {_line(key)}: mapping key {shown} already defined at line {_line(first)}")


def _key(node: yaml.Node, within: tuple[yaml.Node, ...]) -> str:
    match _value(node, within):
        case str(key):
            return key
        case None:
            return OtherKey("<nil>")
        case bool(key):
            return OtherKey(str(key).lower())
        case key:
            return OtherKey(str(key) if isinstance(key, Moment) else json_text(key))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: yaml.ScalarNode) -> Any:
    tag, text = node.tag.removeprefix(_STANDARD), node.value
    if tag == _TEXT:
        return text
    if tag == "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
        except binascii.Error:
            raise YamlError("!!binary value contains invalid base64 data") from None
    if tag not in {"", _NULL, _BOOL, _INT, _FLOAT, _TIME}:
        return text  # a tag of one's own says nothing to the CLI
    is_, value = _resolved(text, timed=tag in {"", _TIME})
    if tag == _FLOAT and is_ == _INT:
        return float(value)
    if tag not in {"", is_}:
        raise YamlError(f"line {_line(node)}: cannot decode !!{is_} `{text}` as a !!{tag}")
    return value


def _resolved(text: str, *, timed: bool) -> tuple[str, Any]:
    """Return the tag and the value of a plain scalar. It tries the types in the order of resolve.go."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _decimal(text, text)
    if text[0] not in "+-0123456789":
        return _TEXT, text
    if timed and (moment := _moment(text)) is not None:
        return _TIME, moment
    plain = text.replace("_", "")
    if _WHOLE.fullmatch(plain):
        octal = re.fullmatch(r"([-+]?)0([0-7]+)", plain)
        whole = int(f"{octal[1]}0o{octal[2]}" if octal else plain, 0)
        if SMALLEST <= whole <= (LARGEST if plain[0] in "+-" else LARGEST_UNSIGNED):
            return _INT, whole
    return _decimal(plain, text)


def _decimal(plain: str, text: str) -> tuple[str, Any]:
    number = float(plain) if _DECIMAL.fullmatch(plain) else math.inf
    return (_FLOAT, number) if math.isfinite(number) else (_TEXT, text)


def _moment(text: str) -> Moment | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, separator, hour, minute, second, fraction, zone = found.groups()
    if (separator in {"T", "t"} and zone is None) or (separator == " " and zone is not None):
        return None
    sign = -1 if (zone or "").startswith("-") else 1
    away = timedelta() if zone in {None, "Z"} else sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    try:
        at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
        at = at.replace(tzinfo=timezone(away))
    except ValueError:
        return None
    return Moment(at, (fraction or "")[:9].rstrip("0"))
