"""Go, where something must be built."""

import shutil


class ToolchainError(Exception):
    """Something that the user must install; the message names the remedies."""


def require(remedy: str) -> str:
    """The `go` on PATH. Raises ToolchainError with `remedy` where there is none."""
    found = shutil.which("go")
    if found is None:
        raise ToolchainError(remedy)
    return found
