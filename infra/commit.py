"""Which commit a release is made of: what CI says, else what git says of this checkout."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pulumi

from infra import git

UNKNOWN, DIRTY = "unknown", "-dirty"


class CommitError(pulumi.RunError):
    """Git is here, and does not say. Pulumi shows it without a traceback."""


def current(repository: Path, environment: Mapping[str, str]) -> str:
    """STRATA_COMMIT, else git's abbreviated commit with "-dirty" where files were changed since, else "unknown".

    Raises CommitError where git refuses to say.
    """
    if given := environment.get("STRATA_COMMIT", "").strip():
        return given
    try:
        described = git.ask(repository, "describe", "--always", f"--dirty={DIRTY}", "--abbrev=12", "--exclude=*")
    except git.Absent:
        return UNKNOWN
    except git.GitError as problem:
        raise CommitError(f"which commit is released? {problem}; or give the commit by STRATA_COMMIT") from None
    return described.decode().strip() or UNKNOWN


@dataclass(frozen=True)
class Checkout:
    """A commit, forty hexadecimal digits; when it was made; and which files below a folder are not as in it."""

    commit: str
    at: datetime
    changed: tuple[str, ...]


def checkout(repository: Path, folder: str) -> Checkout | None:
    """What is checked out, as git says; None where there is no commit. Files that git ignores are not looked at.

    Raises CommitError where git refuses to say.
    """
    try:
        return _checked_out(repository, folder)
    except git.Absent:
        return None


def why_none(repository: Path) -> str:
    """Why `checkout` finds no commit, and the remedy. Raises CommitError."""
    try:
        _checked_out(repository, ".")
    except git.Absent as absent:
        return git.NOT_HERE[str(absent)]
    return ""


def _checked_out(repository: Path, folder: str) -> Checkout:
    try:
        said = git.ask(repository, "show", "--no-patch", "--no-show-signature", "--format=%H %ct", "HEAD").decode()
        listed = git.ask(
            repository, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", folder
        ).decode(errors="surrogateescape")
    except git.GitError as problem:
        raise CommitError(f"what is checked out? {problem}") from None
    commit, seconds = said.split()
    changed = tuple(sorted(entry[3:] for entry in listed.split("\0") if entry[3:]))
    return Checkout(commit, datetime.fromtimestamp(int(seconds), UTC), changed)
