"""Targets, policies and outcomes as plain JSON: what a stack's state and outputs hold, and what gRPC carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields
from typing import Any

from infra.release.model.outcome import Outcome
from infra.release.model.spec import ReleaseError, ReleasePolicy, Target
from infra.release.verdict.rule import Rule


class WireError(ReleaseError):
    """Data that is no target or policy. `mistakes` holds all of them: the path and what is wrong there."""

    def __init__(self, mistakes: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path} {what}" for path, what in mistakes.items()))
        self.mistakes = mistakes


def target(data: object, path: str = "target") -> Target:
    """The Target of which `data` has every field. Whole floats are taken for ints, since gRPC has no other numbers."""
    return _made(Target, _fields(Target, data, path), path)  # type: ignore[no-any-return]


def policy(data: object, path: str = "policy") -> ReleasePolicy:
    """The ReleasePolicy of which `data` has some fields; the others have their defaults."""
    given = _fields(ReleasePolicy, data, path)
    if "rule" in given:
        given["rule"] = _made(Rule, _fields(Rule, given["rule"], f"{path}.rule"), f"{path}.rule")
    return _made(ReleasePolicy, given, path)  # type: ignore[no-any-return]


def plain(outcome: Outcome) -> dict[str, str | None]:
    """An outcome for a stack's outputs: its fields, the ending under the name of "outcome"."""
    words = asdict(outcome)
    return {
        "outcome": outcome.ending.value,
        **{name: words[name] for name in words if name not in {"ending", "function"}},
    }


def _made(kind: Any, values: Mapping[str, Any], path: str) -> Any:
    try:
        return kind(**values)
    except ValueError as mistake:
        raise WireError({path: f"is wrong: {mistake}"}) from None


def _fields(kind: Any, data: object, path: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise WireError({path: f"is {data!r}: it must be an object"})
    known = {each.name: each for each in fields(kind)}
    mistakes = {f"{path}.{name}": f"is unknown: use {', '.join(known)}" for name in data if name not in known}
    missing = (name for name, each in known.items() if name not in data and _required(each))
    mistakes |= {f"{path}.{name}": "is missing" for name in missing}
    values = {name: _value(known[name], data[name]) for name in known if name in data}
    mistakes |= {
        f"{path}.{name}": f"is {data[name]!r}: it must be of type {known[name].type}"
        for name, value in values.items()
        if value is MISSING
    }
    if mistakes:
        raise WireError(mistakes)
    return values


def _required(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _value(each: Field[Any], value: Any) -> Any:
    """`value` as its field has it, or MISSING where it is of another type. Field types are text here."""
    wanted = str(each.type)
    if value is None and "None" in wanted:
        return None
    if isinstance(value, bool) or wanted == "bool":
        return value if isinstance(value, bool) and wanted == "bool" else MISSING
    if isinstance(value, int | float):
        if "float" in wanted:
            return float(value)
        return int(value) if "int" in wanted and value == int(value) else MISSING
    if isinstance(value, str):
        return value if wanted == "str" else MISSING
    return value if wanted == "Rule" else MISSING
