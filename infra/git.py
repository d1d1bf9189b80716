"""Ask git which commit is checked out, and how commits relate. It runs git in English and without a pager.

A missing git, repository or commit is an answer (Absent). If git refuses, GitError has git's own words.
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
    """Git refused or did not answer. The text is git's own, which names the remedy if git knows one."""


class Absent(Exception):  # noqa: N818 - an answer, not an error
    """Git, the repository or a commit is missing. The text is a key of NOT_HERE."""


class CommitError(Exception):
    """Git is installed but does not name the commit."""


def ask(repository: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run git and return what it prints. Raises Absent, or GitError if it fails for another reason."""
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
    """Return why git refuses to read an existing repository, e.g. since another user owns it; else ""."""
    try:
        ask(repository, "rev-parse", "--git-dir")
    except GitError as problem:
        return str(problem)
    except Absent:
        return ""
    return ""


def current_commit(repository: Path, environment: Mapping[str, str]) -> str:
    """Return STRATA_COMMIT, else git's abbreviated commit with "-dirty" if files have changed since, else "unknown".

    Raises CommitError if git refuses.
    """
    if given := environment.get("STRATA_COMMIT", "").strip():
        return given
    try:
        described = ask(repository, "describe", "--always", f"--dirty={DIRTY}", "--abbrev=12", "--exclude=*")
    except Absent:
        return UNKNOWN
    except GitError as problem:
        raise CommitError(f"the commit to release is unknown: {problem}; or give the commit by STRATA_COMMIT") from None
    return described.decode().strip() or UNKNOWN


@dataclass(frozen=True)
class Checkout:
    """A commit, forty hexadecimal digits; its time; and the files below a folder that differ from it."""

    commit: str
    at: datetime
    changed: tuple[str, ...]


def checkout(repository: Path, folder: str) -> Checkout | None:
    """Return what is checked out; None if there is no commit. It does not compare files that git ignores.

    Raises CommitError if git refuses.
    """
    try:
        return _checked_out(repository, folder)
    except Absent:
        return None


def why_none(repository: Path) -> str:
    """Return why `checkout` finds no commit, with the remedy; "" if it finds one. Raises CommitError."""
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
        raise CommitError(f"the checked-out commit is unknown: {problem}") from None
    commit, seconds = said.split()
    changed = tuple(sorted(entry[3:] for entry in listed.split("\0") if entry[3:]))
    return Checkout(commit, datetime.fromtimestamp(int(seconds), UTC), changed)


@cache
def is_older(commit: str, than: str, repository: Path = REPOSITORY) -> bool:
    """Return whether `commit` is an ancestor of `than`. False if unknown: no repository, or a shallow clone."""
    names = [_COMMIT.match(each) for each in (commit, than)]
    if not all(names) or commit == than:
        return False
    first, second = (name.group() for name in names if name)
    if first == second:
        return False
    return _said(repository, "merge-base", "--is-ancestor", first, second) is not None


@cache
def committed(commit: str, repository: Path = REPOSITORY) -> datetime | None:
    """Return the time of `commit`. None if git does not know it, or if files had changed since ("-dirty")."""
    if not _COMMIT.fullmatch(commit):
        return None
    said = _said(repository, "show", "--no-patch", "--no-show-signature", "--format=%cI", commit)
    return datetime.fromisoformat(said.strip()) if said is not None else None


def title(commit: str, repository: Path = REPOSITORY) -> str:
    """Return the first line of the message of `commit`; "" if git does not know it."""
    commit = commit.removesuffix(DIRTY)
    if not _COMMIT.fullmatch(commit):
        return ""
    return (_said(repository, "show", "--no-patch", "--no-show-signature", "--format=%s", commit) or "").strip()


def between(older: str, newer: str, repository: Path = REPOSITORY) -> list[str] | None:
    """Return the commits after `older` up to `newer`, newest first, a line each. None if git does not know them."""
    if not (_COMMIT.fullmatch(older) and _COMMIT.fullmatch(newer)):
        return None
    said = _said(repository, "log", "--no-show-signature", "--format=%h %s", f"{older}..{newer}")
    return said.splitlines() if said is not None else None


def is_shallow(repository: Path = REPOSITORY) -> bool | None:
    """Return whether the clone lacks older commits, which `is_older` needs. None if there is no repository."""
    said = _said(repository, "rev-parse", "--is-shallow-repository")
    return said.strip() == "true" if said is not None else None


def _said(repository: Path, *arguments: str) -> str | None:
    """Run git and return what it prints; None if it fails for any reason."""
    try:
        return ask(repository, *arguments).decode(errors="replace")
    except (Absent, GitError):
        return None
