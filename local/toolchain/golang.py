"""Go, where something must be built."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from local.toolchain import cache


class ToolchainError(Exception):
    """Something that the user must install; the message names the remedies."""


def require(remedy: str) -> str:
    """The `go` on PATH. Raises ToolchainError with `remedy` where there is none."""
    found = shutil.which("go")
    if found is None:
        raise ToolchainError(remedy)
    return found


def tool(package: str, module: Path, remedy: str) -> Path:
    """The program of a Go package, built once into the cache from what the lock of `module` names."""
    name = package.rpartition("/")[2]
    digest = hashlib.sha256((module / "go.sum").read_bytes()).hexdigest()[:12]

    def build(folder: Path) -> None:
        command = [require(remedy), "build", "-buildvcs=false", "-o", str(folder / name), package]
        subprocess.run(command, cwd=module, check=True)

    return cache.entry(f"{name}-{digest}", build) / name
