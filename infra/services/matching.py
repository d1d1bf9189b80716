"""Matches an event with a Lambda filter, as an event source mapping does. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from infra.services.patterns import CASE, OR

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Return True if the event passes a filter that infra.services.patterns found no mistake in."""
    return all(
        any(matches(each, event) for each in wanted) if key == OR else _field(wanted, event, key)
        for key, wanted in pattern.items()
    )


def _field(wanted: Any, event: Any, key: str) -> bool:
    there = isinstance(event, Mapping) and key in event
    if isinstance(wanted, Mapping):
        return matches(wanted, event[key] if there else None)
    values = [] if not there else event[key] if isinstance(event[key], list) else [event[key]]
    return any(_rule(each, values, there) for each in wanted)


def _rule(rule: Any, values: list[Any], there: bool) -> bool:
    if not isinstance(rule, Mapping):
        return any(_same(value, rule) for value in values)
    ((name, wanted),) = rule.items()
    if name == "exists":
        return bool(wanted == (there and not any(isinstance(value, Mapping) for value in values)))
    return any(_OPERATORS[name](value, wanted) for value in values)


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _prefix(value: Any, wanted: Any) -> bool:
    return _affix(value, wanted, str.startswith)


def _suffix(value: Any, wanted: Any) -> bool:
    return _affix(value, wanted, str.endswith)


def _affix(value: Any, wanted: Any, has: Callable[[str, str], bool]) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, str) and has(value.lower(), str(wanted[CASE]).lower())
    return isinstance(value, str) and has(value, wanted)


def _case(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) and value.lower() == str(wanted).lower()


def _anything_but(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        ((name, inner),) = wanted.items()
        return not any(_OPERATORS[name](value, each) for each in (inner if isinstance(inner, list) else [inner]))
    return not any(_same(value, each) for each in (wanted if isinstance(wanted, list) else [wanted]))


def _numeric(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(_COMPARE[sign](value, bound) for sign, bound in zip(wanted[::2], wanted[1::2], strict=True))


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    CASE: _case,
    "anything-but": _anything_but,
    "numeric": _numeric,
}
