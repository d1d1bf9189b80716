"""Locate the upstream stack, whose releases prove this stack's, from its own file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.config.sections import ConfigError, from_file, read_sections
from infra.config.settings import AccountConfig
from infra.naming import Names
from infra.schema import Reading, shown


@dataclass(frozen=True)
class UpstreamStack:
    """The names and the location of the upstream stack. `account`: twelve digits."""

    names: Names
    region: str
    account: str


def read(release: Reading, names: Names, folder: Path, mistakes: list[str]) -> UpstreamStack | None:
    """Read the stack that `strata:release.from` names from its file in `folder`. None if it is empty or wrong."""
    stack: str = release.values.get("source", "")
    if not stack:
        return None
    what, file = f"{release.path}.from is {shown(stack)}", folder / f"Pulumi.{stack}.yaml"
    if stack == names.stack:
        mistakes.append(f"{what}, this very stack, which cannot prove its own releases; name the upstream one")
        return None
    if not file.exists():
        mistakes.append(f"{what}, but {file.name} cannot be read (there is no such file); name a stack of this project")
        return None
    wrong: list[str] = []
    path = f"{names.project}:account"
    try:
        given = from_file(folder, stack, names.project)
    except ConfigError as problem:
        mistakes += [f"{what}, but {file.name} cannot be read ({each})" for each in problem.mistakes]
        return None
    found = read_sections(
        {"account": AccountConfig}, {path: given.raw.get(path, "{}")}, names.project, wrong, given.secret
    )["account"]
    wrong += _one(found)
    mistakes += [f"{what}, and in {file.name}: {each}" for each in wrong]
    if wrong:
        return None
    return UpstreamStack(Names(names.project, stack), found.values["region"], found.values["allowed_account_ids"][0])


def _one(account: Reading) -> Iterator[str]:
    ids = account.values.get("allowed_account_ids", ("",))
    if len(ids) != 1:
        path = account.path_of("allowed_account_ids")
        yield f"{path} has {len(ids)} accounts, so the stack's account is ambiguous; give one"
