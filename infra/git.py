"""Git, asked in English and without a pager: what it says, and what it means where it says nothing.

That there is no git, no repository or no commit is an answer; that git refuses is none, and is told in its own words.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS = 60
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


class GitError(Exception):
    """What git refuses to do, in its own words, which name the remedy where it knows one."""


class Absent(Exception):  # noqa: N818 - an answer, not an error
    """What is not here: a key of NOT_HERE."""


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
