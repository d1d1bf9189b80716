"""Which commit a release is made of: what CI says, else what git says of this checkout."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

UNKNOWN = "unknown"


def current(repository: Path, environment: Mapping[str, str]) -> str:
    """STRATA_COMMIT, else git's abbreviated commit with "-dirty" where files were changed since, else "unknown"."""
    if given := environment.get("STRATA_COMMIT", "").strip():
        return given
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        described = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return described.stdout.strip() or UNKNOWN
