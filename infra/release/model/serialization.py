"""Convert targets, policies and outcomes to and from plain JSON, for a stack's state and outputs and for gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleaseError, ReleasePolicy, Target

Made = TypeVar("Made")


class WireError(ReleaseError):
    """Data that is no target or policy. `mistakes` holds all of them: the path and what is wrong there."""

    def __init__(self, mistakes: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path} {what}" for path, what in mistakes.items()))
        self.mistakes = mistakes


def target(data: object, path: str = "target") -> Target:
    """Return the Target of which `data` has every field. It reads whole floats as ints: gRPC has only floats."""
    return _made(Target, data, path)


def policy(data: object, path: str = "policy") -> ReleasePolicy:
    """Return the ReleasePolicy of which `data` has some fields; the others have their defaults."""
    return _made(ReleasePolicy, data, path)


def to_dict(outcome: Outcome) -> dict[str, str | None]:
    """Return an outcome for a stack's outputs: its fields, the ending under the name of "outcome"."""
    words = asdict(outcome)
    return {
        "outcome": outcome.ending.value,
        **{name: words[name] for name in words if name not in {"ending", "function"}},
    }


def _made(kind: type[Made], data: object, path: str) -> Made:
    if not isinstance(data, Mapping):
        raise WireError({path: f"is {data!r}: it must be an object"})
    known, mistakes, values = get_type_hints(kind), dict[str, str](), dict[str, Any]()
    for name, value in data.items():
        try:
            values[name] = _value(known[name], value, f"{path}.{name}") if name in known else None
        except WireError as wrong:
            mistakes |= wrong.mistakes
    mistakes |= {f"{path}.{name}": f"is unknown: use {', '.join(known)}" for name in data if name not in known}
    needed = (each.name for each in fields(kind) if each.default is MISSING)  # type: ignore[arg-type]
    mistakes |= {f"{path}.{name}": "is missing" for name in needed if name not in data}
    if mistakes:
        raise WireError(mistakes)
    try:
        return kind(**values)
    except ValueError as mistake:
        raise WireError({path: f"is wrong: {mistake}"}) from None


def _value(kind: Any, value: Any, path: str) -> Any:
    """`value` as a field of that type holds it. Raises WireError where it is of another type."""
    kinds = (kind,) if get_origin(kind) is tuple else get_args(kind) or (kind,)
    for each in kinds:
        if is_dataclass(each) and isinstance(value, Mapping):
            return _made(each, value, path)  # type: ignore[arg-type]
        if get_origin(each) is tuple and isinstance(value, list | tuple):
            return tuple(_value(get_args(each)[0], item, f"{path}[{index}]") for index, item in enumerate(value))
    if type(value) is float and float not in kinds and value.is_integer():
        value = int(value)
    if type(value) is int and float in kinds:
        value = float(value)
    if type(value) not in kinds:
        raise WireError({path: f"is {value!r}: it must be of type {getattr(kind, '__name__', kind)}"})
    return value
