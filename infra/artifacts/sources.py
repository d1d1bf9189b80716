"""A commit's source archive: a git bundle of the commit and its history, which the deploy of that commit is run from.

Its key is the commit, which is git's own digest of every file and of the history: git recomputes it when it unpacks the
bundle. The history is there because a release refuses a commit that is older than the live one.
https://git-scm.com/docs/git-bundle
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from infra.bundle import BundleError
from infra.git import Absent, CommitError, GitError, ask, checkout, is_shallow

FILE = "source.bundle"


def pack(repository: Path, commit: str) -> bytes:
    """Return the archive of the commit that is checked out, forty hexadecimal digits.

    Raises BundleError if another one is checked out, or if the clone lacks older commits; CommitError if git refuses.
    """
    found = checkout(repository, ".")
    if found is None or found.commit != commit:
        held = found.commit if found else "none"
        raise BundleError(f"the archive is to be of commit {commit}, but {held} is checked out; check {commit} out")
    if is_shallow(repository):
        raise BundleError(
            f"the clone in {repository} lacks older commits, which the deploy of {commit} needs to tell an older "
            "commit from a newer one; fetch them by `git fetch --unshallow`"
        )
    try:
        return ask(repository, "bundle", "create", "--quiet", "-", "HEAD")
    except (Absent, GitError) as problem:
        raise CommitError(f"commit {commit} cannot be archived: {problem}") from None


def unpack(packed: bytes, commit: str, folder: Path) -> None:
    """Check the archive's commit out into `folder`, which must not exist or be empty.

    Raises BundleError if the archive has no such commit, or objects that differ from their names.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / FILE
        file.write_bytes(packed)
        clone(file, commit, folder)


def clone(origin: Path, commit: str, folder: Path) -> None:
    """Check a commit of a repository or of an archive out into `folder`, with its history, detached.

    Raises BundleError if the origin has no such commit.
    """
    try:
        ask(origin.parent, "clone", "--quiet", "--no-checkout", "--config", FSCK, str(origin), str(folder))
        ask(folder, "checkout", "--quiet", "--detach", commit)
        held = ask(folder, "rev-parse", "HEAD").decode().strip()
    except (Absent, GitError) as problem:
        raise BundleError(f"commit {commit} cannot be checked out of {origin.name}: {problem}") from None
    if held != commit:
        raise BundleError(f"commit {commit} was asked for, but {held} is checked out; give all forty digits of it")


FSCK = "transfer.fsckObjects=true"
"""Let git refuse a malformed object; that each has the bytes of its name it checks in any case.

https://git-scm.com/docs/git-config#Documentation/git-config.txt-transferfsckObjects
"""
