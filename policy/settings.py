"""The settings of each stack from `stacks.toml`. The pack reports every mistake in the file."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from policy.view import AgreedException, Settings

FILE = Path(__file__).with_name("stacks.toml")
PROJECT = "strata"  # where no URN names another
DEFAULT = "default"  # the table for stacks without one of their own, and for keys that a stack's table leaves out
KINDS: Mapping[str, type] = {"production": bool, "boundary": str, "exceptions": list}


@cache
def read(stack: str, file: Path = FILE, project: str = PROJECT) -> Settings:
    """Return the settings of a stack; strict ones, with the mistake, where the file is not TOML."""
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as problem:
        return Settings(mistakes=(f"policy/{file.name} must be TOML: {problem}; correct it",))
    return parse(stack, tables, project)


def parse(stack: str, tables: Mapping[str, Any], project: str = PROJECT) -> Settings:
    """Return the settings of a stack from the file's tables by stack."""
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
    if "boundary" in given:
        given["boundary"] = given["boundary"].replace("{project}", project).replace("{stack}", stack)
    entries = given.pop("exceptions", [])
    exceptions = [_exception(stack, number, entry, mistakes) for number, entry in enumerate(entries, start=1)]
    agreed = tuple(exception for exception in exceptions if exception is not None)
    return Settings(**given, exceptions=agreed, mistakes=tuple(mistakes))


def _exception(stack: str, number: int, entry: Any, mistakes: list[str]) -> AgreedException | None:
    """Return an exception; None, with its mistakes added, where it is incomplete."""
    wanted = {field.name: field.type for field in fields(AgreedException)}
    duty = f"exception {number} of stack {stack} must name resource, rule, reason and expires"
    given = entry if isinstance(entry, Mapping) else {}
    before = len(mistakes)
    for name, kind in wanted.items():
        if not given.get(name):
            mistakes.append(f"{duty}: {name} is not set; add it")
        elif type(given[name]) is not kind:
            form = "a day, without quotes: 2026-12-31" if kind is date else "a text, in quotes"
            mistakes.append(f"{duty}: {name} is {given[name]!r}; write {form}")
    mistakes += [f"{duty}: {name} is none of them; remove it" for name in sorted(set(given) - set(wanted))]
    return AgreedException(**given) if len(mistakes) == before else None
