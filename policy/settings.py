"""`stacks.toml`: what each stack is held to. Whatever is wrong with it is a mistake that the pack reports."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from policy.view import AgreedException, Settings

FILE = Path(__file__).with_name("stacks.toml")
DEFAULT = "default"  # of stacks that have no table of their own, and of keys that a table leaves out
KINDS: Mapping[str, type] = {"production": bool, "boundary": str, "exceptions": list}


@cache
def read(stack: str, file: Path = FILE) -> Settings:
    """The settings of a stack; strict ones, with the mistake, where the file is no TOML."""
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as problem:
        return Settings(mistakes=(f"policy/{file.name} must be TOML: {problem}; correct it",))
    return parse(stack, tables)


def parse(stack: str, tables: Mapping[str, Any]) -> Settings:
    """The settings of a stack from the file's tables by stack."""
    mistakes: list[str] = []
    given: dict[str, Any] = {}
    for name in dict.fromkeys((DEFAULT, stack)):
        for key, value in tables.get(name, {}).items():
            if key not in KINDS:
                mistakes.append(f"[{name}] must not hold {key}: the keys are {', '.join(KINDS)}; remove it")
            elif not isinstance(value, KINDS[key]):
                mistakes.append(f"[{name}] must hold a {KINDS[key].__name__}: {key} is {value!r}; correct it")
            else:
                given[key] = value
    entries = given.pop("exceptions", [])
    exceptions = [_exception(stack, number, entry, mistakes) for number, entry in enumerate(entries, start=1)]
    agreed = tuple(exception for exception in exceptions if exception is not None)
    return Settings(**given, exceptions=agreed, mistakes=tuple(mistakes))


def _exception(stack: str, number: int, entry: Any, mistakes: list[str]) -> AgreedException | None:
    """None, and a mistake more, where it is not whole."""
    wanted = {field.name: field.type for field in fields(AgreedException)}
    which = f"exception {number} of stack {stack}"
    given = entry if isinstance(entry, Mapping) else {}
    if missing := [name for name in wanted if not given.get(name)]:
        mistakes.append(
            f"{which} must name resource, rule, reason and expires: {', '.join(missing)} is not set; add it"
        )
    if unknown := sorted(set(given) - set(wanted)):
        mistakes.append(
            f"{which} must name resource, rule, reason and expires: {', '.join(unknown)} is unknown; remove it"
        )
    if missing or unknown:
        return None
    if wrong := [name for name, kind in wanted.items() if type(given[name]) is not kind]:
        mistakes.append(
            f"{which} must have texts and a day: {wrong[0]} is {given[wrong[0]]!r}; write expires = {date(2026, 12, 31)} "
            "without quotes and the others with"
        )
        return None
    return AgreedException(**given)
