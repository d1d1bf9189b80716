"""Which of two commits is the older one, as git tells it: the ledger's lines have no room for a commit's date."""

from __future__ import annotations

import re
import subprocess
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
    command = ["git", "-C", str(repository), "merge-base", "--is-ancestor", first, second]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
