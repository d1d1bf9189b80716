"""Which commit a release is made of: what CI says, else what git says of this checkout."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

UNKNOWN, DIRTY = "unknown", "-dirty"


def current(repository: Path, environment: Mapping[str, str]) -> str:
    """STRATA_COMMIT, else git's abbreviated commit with "-dirty" where files were changed since, else "unknown"."""
    if given := environment.get("STRATA_COMMIT", "").strip():
        return given
    described = _git(repository, "describe", "--always", f"--dirty={DIRTY}", "--abbrev=12", "--exclude=*")
    return described or UNKNOWN


@dataclass(frozen=True)
class Checkout:
    """A commit, forty hexadecimal digits; when it was made; and which files below a folder are not as in it."""

    commit: str
    at: datetime
    changed: tuple[str, ...]


def checkout(repository: Path, folder: str) -> Checkout | None:
    """What is checked out, as git says; None where git cannot say. Files that git ignores are not looked at."""
    said = _git(repository, "show", "--no-patch", "--no-show-signature", "--format=%H %ct", "HEAD")
    listed = _git(repository, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", folder)
    if said is None or listed is None:
        return None
    commit, seconds = said.split()
    changed = tuple(sorted(entry[3:] for entry in listed.split("\0") if entry[3:]))
    return Checkout(commit, datetime.fromtimestamp(int(seconds), UTC), changed)


def _git(repository: Path, *arguments: str) -> str | None:
    """What git says; None where it fails or is not there."""
    try:
        said = subprocess.run(
            ["git", *arguments], cwd=repository, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.rstrip("\n")
