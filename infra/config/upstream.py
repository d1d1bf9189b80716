"""The stack before this one, whose releases prove this one's: its own file says where it lives."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.config.sections import ConfigError, handed, read_rooms
from infra.config.settings import AccountConfig
from infra.naming import Names
from infra.schema import Reading, shown


@dataclass(frozen=True)
class Before:
    """A stack by its names, and where it lives. `account`: twelve digits."""

    names: Names
    region: str
    account: str


def read(release: Reading, names: Names, folder: Path, mistakes: list[str]) -> Before | None:
    """The stack that `strata:release.from` names, by its file in `folder`; None where none is named, or it is wrong."""
    stack: str = release.values.get("source", "")
    if not stack:
        return None
    what, file = f"{release.path}.from is {shown(stack)}", folder / f"Pulumi.{stack}.yaml"
    if stack == names.stack:
        mistakes.append(f"{what}, this very stack, which cannot prove its own releases; name the one before it")
        return None
    if not file.exists():
        mistakes.append(f"{what}, but {file.name} cannot be read (there is no such file); name a stack of this project")
        return None
    wrong: list[str] = []
    path = f"{names.project}:account"
    try:
        given = handed(folder, stack, names.project)
    except ConfigError as problem:
        mistakes += [f"{what}, but {file.name} cannot be read ({each})" for each in problem.mistakes]
        return None
    found = read_rooms(
        {"account": AccountConfig}, {path: given.raw.get(path, "{}")}, names.project, wrong, given.secret
    )["account"]
    wrong += _one(found)
    mistakes += [f"{what}, and in {file.name}: {each}" for each in wrong]
    if wrong:
        return None
    return Before(Names(names.project, stack), found.values["region"], found.values["allowed_account_ids"][0])


def _one(account: Reading) -> Iterator[str]:
    ids = account.values.get("allowed_account_ids", ("",))
    if len(ids) != 1:
        yield f"{account.path_of('allowed_account_ids')} has {len(ids)}, which leaves open where the stack is; give one"
