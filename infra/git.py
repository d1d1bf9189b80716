"""Git, asked in English and without a pager: which commit is here, and how commits relate.

That there is no git, no repository or no commit is an answer; that git refuses is none, and is told in its own words.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SECONDS = 60
UNKNOWN, DIRTY = "unknown", "-dirty"
NOT_HERE = {
    "no git": "there is no git on PATH; install it",
    "no repository": "it is not in a git repository; clone the repository",
    "no commit": "its repository has no commit yet; commit what is there",
}
_NO_REPOSITORY = re.compile(r"not a git repository", re.IGNORECASE)
_NO_COMMIT = re.compile(
    r"(unknown|bad) revision '?HEAD|does not have any commits yet|No names found|Needed a single revision|"
    r"Not a valid object name:? '?HEAD|ambiguous argument 'HEAD'|bad default revision 'HEAD'"
)
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


class GitError(Exception):
    """What git refuses to do, in its own words, which name the remedy where it knows one."""


class Absent(Exception):  # noqa: N818 - an answer, not an error
    """What is not here: a key of NOT_HERE."""


class CommitError(Exception):
    """Git is here, and does not say which commit is."""


def ask(repository: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git prints. Raises Absent, or GitError where git does not do it for another reason."""
    env = {**os.environ, "LC_ALL": "C", "GIT_PAGER": "cat", "GIT_OPTIONAL_LOCKS": "0"}
    command: Sequence[str] = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, env=env, input=given, capture_output=True, timeout=SECONDS, check=False)
    except OSError:
        raise Absent("no git") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"`git {arguments[0]}` did not answer within {SECONDS} s") from None
    if done.returncode == 0:
        return done.stdout
    said = " ".join(done.stderr.decode(errors="replace").split())
    if _NO_REPOSITORY.search(said):
        raise Absent("no repository")
    if _NO_COMMIT.search(said):
        raise Absent("no commit")
    raise GitError(f"`git {arguments[0]}` says: {said or f'nothing, with exit code {done.returncode}'}")


def refuses(repository: Path) -> str:
    """Why git says nothing at all of a repository that is there, e.g. since it is another user's; else empty."""
    try:
        ask(repository, "rev-parse", "--git-dir")
    except GitError as problem:
        return str(problem)
    except Absent:
        return ""
    return ""


def current_commit(repository: Path, environment: Mapping[str, str]) -> str:
    """STRATA_COMMIT, else git's abbreviated commit with "-dirty" where files were changed since, else "unknown".

    Raises CommitError where git refuses to say.
    """
    if given := environment.get("STRATA_COMMIT", "").strip():
        return given
    try:
        described = ask(repository, "describe", "--always", f"--dirty={DIRTY}", "--abbrev=12", "--exclude=*")
    except Absent:
        return UNKNOWN
    except GitError as problem:
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
    except Absent:
        return None


def why_none(repository: Path) -> str:
    """Why `checkout` finds no commit, and the remedy. Raises CommitError."""
    try:
        _checked_out(repository, ".")
    except Absent as absent:
        return NOT_HERE[str(absent)]
    return ""


def _checked_out(repository: Path, folder: str) -> Checkout:
    try:
        said = ask(repository, "show", "--no-patch", "--no-show-signature", "--format=%H %ct", "HEAD").decode()
        listed = ask(
            repository, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", folder
        ).decode(errors="surrogateescape")
    except GitError as problem:
        raise CommitError(f"what is checked out? {problem}") from None
    commit, seconds = said.split()
    changed = tuple(sorted(entry[3:] for entry in listed.split("\0") if entry[3:]))
    return Checkout(commit, datetime.fromtimestamp(int(seconds), UTC), changed)


@cache
def is_older(commit: str, than: str, repository: Path = REPOSITORY) -> bool:
    """Whether `commit` is an ancestor of `than`. False where git cannot tell: no repository, or a shallow clone."""
    names = [_COMMIT.match(each) for each in (commit, than)]
    if not all(names) or commit == than:
        return False
    first, second = (name.group() for name in names if name)
    if first == second:
        return False
    return _said(repository, "merge-base", "--is-ancestor", first, second) is not None


@cache
def committed(commit: str, repository: Path = REPOSITORY) -> datetime | None:
    """When `commit` was made. None where git does not know it, or where files had been changed since ("-dirty")."""
    if not _COMMIT.fullmatch(commit):
        return None
    said = _said(repository, "show", "--no-patch", "--no-show-signature", "--format=%cI", commit)
    return datetime.fromisoformat(said.strip()) if said is not None else None


def between(older: str, newer: str, repository: Path = REPOSITORY) -> list[str] | None:
    """The commits from one to the other, newest first, each in a line. None where git cannot tell."""
    if not (_COMMIT.fullmatch(older) and _COMMIT.fullmatch(newer)):
        return None
    said = _said(repository, "log", "--no-show-signature", "--format=%h %s", f"{older}..{newer}")
    return said.splitlines() if said is not None else None


def is_shallow(repository: Path = REPOSITORY) -> bool | None:
    """Whether the clone lacks older commits, so that `is_older` is blind. None where there is no repository."""
    said = _said(repository, "rev-parse", "--is-shallow-repository")
    return said.strip() == "true" if said is not None else None


def _said(repository: Path, *arguments: str) -> str | None:
    """What git prints; None where it does not answer, for whatever reason."""
    try:
        return ask(repository, *arguments).decode(errors="replace")
    except (Absent, GitError):
        return None
