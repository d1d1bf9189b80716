"""The grammar of event patterns, as EventBridge compiles them and as Lambda filters by them. Pure.

EventBridge's page lists the operators; the compiler of its rules is public. Lambda's page lists the smaller set.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
https://github.com/aws/event-ruler
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
"""

import ipaddress
import json
import math
from collections.abc import Iterator, Mapping

from infra.schema import below, shown

LONGEST_PATTERN = 2048  # characters of a rule's pattern: docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
LONGEST_FILTER = 4096  # of a filter: docs.aws.amazon.com/lambda/latest/api/API_Filter.html
LARGEST_NUMBER = 5e9  # EventBridge compares numbers from its negative to it
OR = "$or"
CASE = "equals-ignore-case"
OF_LAMBDA = ("prefix", "suffix", CASE, "anything-but", "numeric", "exists")
OF_EVENTBRIDGE = (*OF_LAMBDA, "wildcard", "cidr")
COMPARISONS = ("=", "<", "<=", ">", ">=")

Mistakes = Iterator[str]


def mistakes(pattern: object, path: str, *, operators: tuple[str, ...], longest: int) -> Mistakes:
    """Yield a line for each reason for which AWS would refuse the pattern; the path comes first.

    `operators`: OF_EVENTBRIDGE for a rule's pattern, OF_LAMBDA for a filter. `longest`: characters of its JSON.
    """
    yield from _object(pattern, path, operators)
    size = len(json.dumps(pattern, separators=(",", ":"), ensure_ascii=False))
    if size > longest:
        yield f"{path} has {size} characters as JSON, and AWS takes {longest}; match fewer values"


def _object(pattern: object, path: str, operators: tuple[str, ...]) -> Mistakes:
    if not isinstance(pattern, Mapping) or not pattern:
        yield (
            f"{path} is {shown(pattern)}, not an object with fields; give the fields to match, e.g. "
            '{"detail-type": ["order placed"]}'
        )
        return
    for key, value in pattern.items():
        where = below(path, key)
        if key == OR and isinstance(value, list) and len(value) > 1 and all(isinstance(one, Mapping) for one in value):
            for number, each in enumerate(value):
                yield from _object(each, f"{where}[{number}]", operators)
        elif isinstance(value, Mapping):
            yield from _object(value, where, operators)
        elif isinstance(value, list):
            yield from _list(value, where, operators)
        else:
            yield f"{where} is {shown(value)}, not a list of what matches; write [{shown(value)}]"


def _list(values: list[object], path: str, operators: tuple[str, ...]) -> Mistakes:
    if not values:
        yield f"{path} is [], which matches nothing; give the values that match, or leave the field out"
    for number, value in enumerate(values):
        where = f"{path}[{number}]"
        if isinstance(value, Mapping):
            yield from _operator(value, where, operators)
        elif isinstance(value, list):
            yield f"{where} is {shown(value)}, a list in a list; write its items into the outer one"
        elif not _number(value, or_other=True):
            yield f"{where} is {shown(value)}, {_outside()}"


def _operator(value: Mapping[str, object], path: str, operators: tuple[str, ...]) -> Mistakes:
    names = ", ".join(operators)
    if len(value) != 1:
        yield f"{path} is {shown(value)}, with {len(value)} operators; give one of {names}, each in its own object"
        return
    ((name, wanted),) = value.items()
    if name not in operators:
        yield f"{below(path, name)} is {shown(wanted)}, but there is no such operator here; give one of {names}"
    else:
        yield from _CHECKS[name](wanted, f"{path}.{name}")


def _affix(value: object, path: str) -> Mistakes:
    """A prefix or a suffix: text, or text in any case."""
    if isinstance(value, Mapping) and value.keys() == {CASE}:
        yield from _text(value[CASE], f"{path}.{CASE}")
    else:
        yield from _text(value, path)


def _text(value: object, path: str) -> Mistakes:
    if not isinstance(value, str) or not value:
        yield f'{path} is {shown(value)}, not a text; give one in quotes, e.g. "ord_"'


def _exists(value: object, path: str) -> Mistakes:
    if not isinstance(value, bool):
        yield f"{path} is {shown(value)}, neither true nor false; give one of them, without quotes"


def _numeric(value: object, path: str) -> Mistakes:
    """One comparison, or a lower bound followed by an upper one that is greater."""
    form = '; give e.g. [">", 0] or [">=", 0, "<", 100]'
    if not isinstance(value, list) or len(value) not in {2, 4}:
        yield f"{path} is {shown(value)}, not a comparison and a number, or two of both{form}"
        return
    signs, numbers = value[::2], value[1::2]
    if wrong := [each for each in signs if each not in COMPARISONS]:
        yield f"{path} has {shown(wrong[0])}, and the comparisons are {', '.join(COMPARISONS)}{form}"
    if outside := [each for each in numbers if not _number(each)]:
        yield f"{path} has {shown(outside[0])}, {_outside()}"
    if len(value) == 4 and not wrong and not outside:
        ordered = signs[0] in {">", ">="} and signs[1] in {"<", "<="} and numbers[0] < numbers[1]
        if not ordered:
            yield f"{path} is {shown(value)}, not a lower bound and then a greater upper one{form}"


def _cidr(value: object, path: str) -> Mistakes:
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        yield f'{path} is {shown(value)}, not a block of addresses; give one, e.g. "10.0.0.0/24"'


def _wildcard(value: object, path: str) -> Mistakes:
    yield from (found := list(_text(value, path)))
    if not found and isinstance(value, str):
        bare = value.replace("\\\\", "").replace("\\*", "")
        if "**" in bare or "\\" in bare:
            why = "two asterisks in a row" if "**" in bare else "a backslash before neither asterisk nor backslash"
            yield f"{path} is {shown(value)}, with {why}; EventBridge refuses it, so leave one out"


def _anything_but(value: object, path: str) -> Mistakes:
    if isinstance(value, Mapping):
        inner = ("prefix", "suffix", CASE, "wildcard")
        if len(value) != 1 or next(iter(value)) not in inner:
            yield f"{path} is {shown(value)}, and it takes one of {', '.join(inner)}; give one"
            return
        ((name, wanted),) = value.items()
        check = _wildcard if name == "wildcard" else _text
        for number, each in enumerate(wanted) if isinstance(wanted, list) and wanted else ((None, wanted),):
            yield from check(each, f"{path}.{name}" if number is None else f"{path}.{name}[{number}]")
        return
    values = value if isinstance(value, list) else [value]
    texts = [each for each in values if isinstance(each, str)]
    numbers = [each for each in values if _number(each)]
    if not values or len(values) not in {len(texts), len(numbers)}:
        yield f"{path} is {shown(value)}, neither texts nor numbers; give a value, or a list of one kind"


def _number(value: object, *, or_other: bool = False) -> bool:
    """Return True for a number that EventBridge compares; with `or_other` also for text, true, false and null."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return or_other
    return math.isfinite(value) and abs(value) <= LARGEST_NUMBER


def _outside() -> str:
    return f"not a number from {-LARGEST_NUMBER:.0f} to {LARGEST_NUMBER:.0f}; compare others as text"


_CHECKS = {
    "prefix": _affix,
    "suffix": _affix,
    CASE: _text,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "wildcard": _wildcard,
    "cidr": _cidr,
}
