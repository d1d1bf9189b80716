"""What git tells of commits: which is the older one, and when one was made; the ledger's lines have no room for it."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@cache
def is_older(commit: str, than: str, repository: Path = REPOSITORY) -> bool:
    """Whether `commit` is an ancestor of `than`. False where git cannot tell: no repository, or a shallow clone."""
    names = [_COMMIT.match(each) for each in (commit, than)]
    if not all(names) or commit == than:
        return False
    first, second = (name.group() for name in names if name)
    if first == second:
        return False
    ran = _git(repository, "merge-base", "--is-ancestor", first, second)
    return ran is not None and ran.returncode == 0


@cache
def committed(commit: str, repository: Path = REPOSITORY) -> datetime | None:
    """When `commit` was made. None where git does not know it, or where files had been changed since ("-dirty")."""
    if not _COMMIT.fullmatch(commit):
        return None
    ran = _git(repository, "show", "--no-patch", "--format=%cI", commit)
    return datetime.fromisoformat(ran.stdout.strip()) if ran is not None and ran.returncode == 0 else None


def between(older: str, newer: str, repository: Path = REPOSITORY) -> list[str] | None:
    """The commits from one to the other, newest first, each in a line. None where git cannot tell."""
    if not (_COMMIT.fullmatch(older) and _COMMIT.fullmatch(newer)):
        return None
    ran = _git(repository, "log", "--format=%h %s", f"{older}..{newer}")
    return ran.stdout.splitlines() if ran is not None and ran.returncode == 0 else None


def is_shallow(repository: Path = REPOSITORY) -> bool | None:
    """Whether the clone lacks older commits, so that `is_older` is blind. None where there is no repository."""
    ran = _git(repository, "rev-parse", "--is-shallow-repository")
    return ran.stdout.strip() == "true" if ran is not None and ran.returncode == 0 else None


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
