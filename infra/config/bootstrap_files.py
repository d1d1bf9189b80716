"""Compare what starts a stack's releases with what `bootstrap/` declares for it, as far as its files say."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.config import stack_file
from infra.config.promotion import EVENT, PIPELINE
from infra.schema import Reading, shown

FOLDER = "bootstrap"
PROJECT = "strata"
"""The project of the stacks where a file names none: IdentityConfig's default."""
UP = "run `pulumi --cwd bootstrap up`"


@dataclass(frozen=True)
class _Served:
    """One stack as a file of `bootstrap/` lists it. `where`: the file and the path of the entry."""

    where: str
    entry: Mapping[str, Any]

    def neighbour(self, key: str) -> Mapping[str, Any]:
        found = self.entry.get(key)
        return found if isinstance(found, dict) else {}

    def by_event(self, key: str, stack: str) -> bool:
        """True if events between this stack and `stack`, which `key` names, start releases."""
        found = self.neighbour(key)
        return found.get("byEvent") is True and found.get("stack") == stack


def promotion(release: Reading, stack: str, project: str, repository: Path) -> Iterator[str]:
    """Yield the mistakes in how strata:release.promoteBy and `byEvent` in `bootstrap/` fit together.

    A stack that no readable file there lists is not judged: another repository may hold its account's configuration.
    """
    path, by, before = release.path_of("promote_by"), release.values.get("promote_by"), release.values.get("source", "")
    if by not in {EVENT, PIPELINE}:  # a mistake of its own
        return
    served = list(_served(repository / FOLDER, project))
    for each in (one for one in served if one.entry["name"] == stack):
        yield from _fit(path, by, before, each, ("follows", before or each.neighbour("follows").get("stack", "")))
    for each in (one for one in served if before and one.entry["name"] == before):
        yield from _fit(path, by, before, each, ("provesTo", stack))


def _fit(path: str, by: str, before: str, served: _Served, neighbour: tuple[str, str]) -> Iterator[str]:
    key, other = neighbour
    found, declared = served.neighbour(key), served.by_event(key, other)
    if by == EVENT and not declared:
        what = f"{key}.byEvent is {shown(found['byEvent'])}" if "byEvent" in found else f"{key}.byEvent is missing"
        if found.get("stack", other) != other:
            what = f"{key}.stack is {shown(found['stack'])}, not {shown(other)}"
        yield (
            f"{path} is {EVENT}, but {served.where}.{what}, so no event of {before} would start a release; let it name "
            f"{other} with byEvent: true and {UP}, or set {path} to {PIPELINE}"
        )
    if by == PIPELINE and declared:
        yield (
            f"{path} is {PIPELINE}, but {served.where}.{key}.byEvent is true, so each success of "
            f"{before or other} would start a build that releases nothing; set {path} to {EVENT}, or take byEvent away "
            f"and {UP}"
        )


def _served(folder: Path, project: str) -> Iterator[_Served]:
    """Yield the entries of that project's stacks in all files that can be read."""
    try:
        program = stack_file.project(folder)
    except stack_file.StackFileError:
        return
    for account in program.stacks():
        key = f"{program.name}:identity"
        try:
            identity = json.loads(stack_file.read(program, account).raw.get(key, "{}"))
        except (stack_file.StackFileError, ValueError):
            continue
        if not isinstance(identity, dict) or identity.get("project", PROJECT) != project:
            continue
        listed = identity.get("stacks")
        for number, entry in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(entry, dict) and "name" in entry:
                file = program.file_of(account)
                yield _Served(f"in {folder.name}/{file.name} {key}.stacks[{number}]", entry)
