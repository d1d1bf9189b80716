"""A bundle takes from this repository the files that git knows, with the bytes and modes that git has.

Files that git ignores are reported and left out. A link is refused, since its target may be anything, or missing.
Without git all files of the folder are taken, and the release records its commit as unknown.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
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


Wants = Callable[[PurePath], bool]


def belongs(name: PurePath) -> bool:
    """Return True if a file of a service or of the hooks is needed at run time."""
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and name.name not in FILES_LEFT_OUT and FOLDERS_LEFT_OUT.isdisjoint(name.parts)


@dataclass(frozen=True)
class Tree:
    """Git's view of some places of a repository, which are files or folders, for the bundles that take files of them.

    `index` has mode and blob by name; `conflicts` are names of an unfinished merge; `changed` differ from the index;
    `fresh` are untracked; git ignores `ignored`; `blobs` are the bytes of the files in the index that have not changed.
    Without git, everything is empty.
    """

    repository: Path
    index: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    conflicts: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    fresh: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    blobs: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def read(self, places: Sequence[str], wants: Wants = belongs) -> Sources:
        """Return the wanted files below `places`, which are among the tree's.

        Where git tracks nothing there, since there is no git or the folder lies in an unrelated repository, all files
        are taken. Raises BundleError where a place does not exist, or a file is a link or in conflict.
        """
        for place in places:
            if not (self.repository / place).exists():
                raise BundleError(
                    f"{place} is to go into the bundle, but {self.repository / place} does not exist; create it"
                )
        if conflicts := sorted(_below(self.conflicts, places)):
            raise BundleError(
                f"{conflicts[0]} is in conflict, in an unfinished merge; finish it, or run `git merge --abort`"
            )
        tracked = _below(self.index, places)
        return self._of_git(tracked, places, wants) if tracked else _on_disk(self.repository, places, wants)

    def _of_git(self, tracked: Sequence[str], places: Sequence[str], wants: Wants) -> Sources:
        wanted = [name for name in tracked if wants(PurePath(name))]
        for name in wanted:
            if self.index[name][0] in {LINK, SUBMODULE}:
                raise _no_file(self.repository / name, name)
        same = [name for name in wanted if name not in self.changed]
        if lacking := [name for name in same if name not in self.blobs]:
            blob = self.index[lacking[0]][1]
            raise BundleError(f"git knows {lacking[0]}, but lacks its bytes ({blob}); run `git fetch` and `git fsck`")
        contents = {name: self.blobs[name] for name in same}
        programs = {name for name in same if self.index[name][0] == PROGRAM}
        for name in sorted(_below(self.changed | self.fresh, places)):
            if wants(PurePath(name)) and os.path.lexists(self.repository / name):  # else it was deleted
                contents[name] = _one(self.repository, name)
                programs |= {name} if os.access(self.repository / name, os.X_OK) else set()
        ignored = (name for name in _below(self.ignored, places) if "__pycache__" not in PurePath(name).parts)
        return Sources(contents, frozenset(programs), tuple(sorted(ignored)))


def tree(repository: Path, places: Sequence[str]) -> Tree:
    """Ask git about all of these places at once. Raises BundleError if it fails."""
    try:
        return _asked(repository, places)
    except git.Absent:
        return Tree(repository)
    except git.GitError as problem:
        raise BundleError(f"git cannot list the files of the bundle: {problem}") from None


def read(repository: Path, places: Sequence[str], wants: Wants = belongs) -> Sources:
    """Return the wanted files below `places`. Raises BundleError as `Tree.read` and `tree` do."""
    return tree(repository, places).read(places, wants)


def _asked(repository: Path, places: Sequence[str]) -> Tree:
    index, conflicts = {}, set()
    for line in _lines(repository, "ls-files", "-z", "--stage", "--", *places):
        about, _, name = line.partition("\t")
        mode, blob, stage = about.split()
        index[name] = (mode, blob)
        conflicts |= {name} if stage != "0" else set()
    if not index:
        return Tree(repository)
    changed = frozenset(_lines(repository, "diff", "-z", "--name-only", "--no-ext-diff", "--relative", "--", *places))
    others = ("ls-files", "-z", "--others", "--exclude-standard")
    fresh = frozenset(_lines(repository, *others, "--", *places))
    ignored = tuple(_lines(repository, *others, "--ignored", "--", *places))
    same = {name: blob for name, (mode, blob) in index.items() if mode not in {LINK, SUBMODULE} and name not in changed}
    return Tree(repository, index, frozenset(conflicts), changed, fresh, ignored, _blobs(repository, same))


def _below(names: Iterable[str], places: Sequence[str]) -> list[str]:
    """Return the names that are one of the places, or lie below one."""
    folders = tuple(f"{place}/" for place in places)
    return [name for name in names if name in places or name.startswith(folders)]


def _blobs(repository: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    """Return the bytes of each file that git has, by one `git cat-file`.

    https://git-scm.com/docs/git-cat-file#_batch_output
    """
    asked = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    said, at, held = git.ask(repository, "cat-file", "--batch", given=asked), 0, {}
    for name in blobs:
        head = said[at : said.index(b"\n", at)]
        at += len(head) + 1
        if not head.endswith(b" missing"):
            end = at + int(head.split()[2])
            held[name], at = said[at:end], end + 1
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
