"""Builds programs with Go."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from local.toolchain import cache


class ToolchainError(Exception):
    """The user must install something; the message names the remedies."""


def require(remedy: str) -> str:
    """Return the `go` on PATH. Raises ToolchainError with `remedy` if there is none."""
    found = shutil.which("go")
    if found is None:
        raise ToolchainError(remedy)
    return found


def tool(package: str, module: Path, remedy: str) -> Path:
    """Return the program of a Go package, built once into the cache from the versions in the lock of `module`."""
    name = package.rpartition("/")[2]
    digest = hashlib.sha256((module / "go.sum").read_bytes()).hexdigest()[:12]

    def build(folder: Path) -> None:
        command = [require(remedy), "build", "-buildvcs=false", "-o", str(folder / name), package]
        subprocess.run(command, cwd=module, check=True)

    return cache.entry(f"{name}-{digest}", build) / name
