"""A bundle takes from this repository the files that git knows, with the bytes and modes that git has.

Files that git ignores are reported and left out. A link is refused, since its target may be anything, or missing.
Without git all files of the folder are taken, and the release records its commit as unknown.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from infra import git
from infra.bundle.model import BundleError

FOLDERS_LEFT_OUT = frozenset({"__pycache__", "tests", "smoke"})  # smoke events go into the hooks' bundle
FILES_LEFT_OUT = frozenset({"requirements.in", "requirements.txt", "service.yaml"})
LINK, SUBMODULE, PROGRAM = "120000", "160000", "100755"


@dataclass(frozen=True)
class Sources:
    """The files of a bundle, by names relative to the repository.

    `contents` are bytes by name; `programs` are the names that are executable; `ignored` are files of the same folders
    that are left out because git ignores them.
    """

    contents: Mapping[str, bytes]
    programs: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Known:
    """Git's view of some folders.

    `index` has mode and blob by name; `changed` differ from the index; `fresh` are untracked; git ignores `ignored`.
    """

    index: Mapping[str, tuple[str, str]]
    changed: frozenset[str]
    fresh: frozenset[str]
    ignored: tuple[str, ...] = field(default=())


Wants = Callable[[PurePath], bool]


def belongs(name: PurePath) -> bool:
    """Return True if a file of a service or of the hooks is needed at run time."""
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and name.name not in FILES_LEFT_OUT and FOLDERS_LEFT_OUT.isdisjoint(name.parts)


def read(repository: Path, places: Sequence[str], wants: Wants = belongs) -> Sources:
    """Return the wanted files below `places`, which are files or folders of the repository.

    Raises BundleError where a place does not exist, a file is a link or in conflict, or git fails.
    """
    for place in places:
        if not (repository / place).exists():
            raise BundleError(f"{place} is to go into the bundle, but {repository / place} does not exist; create it")
    try:
        known = _known(repository, places)
        return _on_disk(repository, places, wants) if known is None else _of_git(repository, known, wants)
    except git.Absent:
        return _on_disk(repository, places, wants)
    except git.GitError as problem:
        raise BundleError(f"git cannot list the files of the bundle: {problem}") from None


def _known(repository: Path, places: Sequence[str]) -> _Known | None:
    """Return git's view; None if git tracks nothing there, since the folder lies in an unrelated repository."""
    index = {}
    for line in _lines(repository, "ls-files", "-z", "--stage", "--", *places):
        about, _, name = line.partition("\t")
        mode, blob, stage = about.split()
        if stage != "0":
            raise BundleError(f"{name} is in conflict, in an unfinished merge; finish it, or run `git merge --abort`")
        index[name] = (mode, blob)
    if not index:
        return None
    changed = frozenset(_lines(repository, "diff", "-z", "--name-only", "--no-ext-diff", "--relative", "--", *places))
    others = ("ls-files", "-z", "--others", "--exclude-standard")
    fresh = frozenset(_lines(repository, *others, "--", *places))
    ignored = sorted(_lines(repository, *others, "--ignored", "--", *places))
    named = tuple(name for name in ignored if "__pycache__" not in PurePath(name).parts)
    return _Known(index, changed, fresh, named)


def _of_git(repository: Path, known: _Known, wants: Wants) -> Sources:
    wanted = {name: about for name, about in known.index.items() if wants(PurePath(name))}
    for name, (mode, _) in wanted.items():
        if mode in {LINK, SUBMODULE}:
            raise _no_file(repository / name, name)
    same = {name: blob for name, (_, blob) in wanted.items() if name not in known.changed}
    contents = _blobs(repository, same)
    programs = {name for name in same if wanted[name][0] == PROGRAM}
    for name in sorted(known.changed | known.fresh):
        if wants(PurePath(name)) and os.path.lexists(repository / name):  # else it was deleted
            contents[name] = _one(repository, name)
            programs |= {name} if os.access(repository / name, os.X_OK) else set()
    return Sources(contents, frozenset(programs), known.ignored)


def _blobs(repository: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    """Return the bytes of each file by one `git cat-file`. https://git-scm.com/docs/git-cat-file#_batch_output"""
    said, at, held = (
        git.ask(repository, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs.values()).encode()),
        0,
        {},
    )
    for name, blob in blobs.items():
        head = said[at : said.index(b"\n", at)]
        if head.endswith(b" missing"):
            raise BundleError(f"git knows {name}, but lacks its bytes ({blob}); run `git fetch` and `git fsck`")
        start = at + len(head) + 1
        at = start + int(head.split()[2])
        held[name] = said[start:at]
        at += 1
    return held


def _on_disk(repository: Path, places: Sequence[str], wants: Wants) -> Sources:
    contents = {}
    for place in places:
        root = repository / place
        for file in [root] if root.is_symlink() or not root.is_dir() else sorted(root.rglob("*")):
            name = file.relative_to(repository)
            if wants(name) and (file.is_symlink() or not file.is_dir()):
                contents[name.as_posix()] = _one(repository, name.as_posix())
    return Sources(contents, frozenset(name for name in contents if os.access(repository / name, os.X_OK)))


def _one(repository: Path, name: str) -> bytes:
    file = repository / name
    if file.is_symlink() or not file.is_file():
        raise _no_file(file, name)
    return file.read_bytes()


def _no_file(file: Path, name: str) -> BundleError:
    if file.is_symlink():
        return BundleError(
            f"{name} is a link, to {file.readlink()}, and a bundle holds only regular files; replace it by a copy, or "
            "remove it"
        )
    return BundleError(f"{name} is not a regular file, and a bundle holds only regular files; remove it")


def _lines(repository: Path, *arguments: str) -> list[str]:
    said = git.ask(repository, *arguments).decode(errors="surrogateescape")
    return [line for line in said.split("\0") if line]
