"""uv, the locks and the three virtual environments."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.toolchain import cache

UV_VERSION = "0.13.9"

SYNC = ("pip", "sync", "-q", "--require-hashes", "--compile-bytecode")
"""Bytecode is compiled once here, and not by every process of every `pulumi up` that may not write it."""

LOCKS = (
    # (source, lock, constraints)
    ("requirements.in", "requirements.txt", ()),
    ("requirements-dev.in", "requirements-dev.txt", ("requirements.txt",)),
    ("local/requirements.in", "local/requirements.txt", ()),
    ("policy/requirements.in", "policy/requirements.txt", ()),
    ("local/toolchain/host/requirements.in", "local/toolchain/host/requirements.txt", ()),
)

ENVIRONMENTS = (
    # (virtual environment, lock)
    (".venv", "requirements-dev.txt"),
    ("local/.venv", "local/requirements.txt"),
    ("policy/.venv", "policy/requirements.txt"),
)


def uv() -> Path:
    """Return the pinned uv, installed once into the cache from its wheel."""

    def build(folder: Path) -> None:
        scratch = folder / "scratch"
        subprocess.run([sys.executable, "-m", "venv", str(scratch)], check=True)
        subprocess.run([str(scratch / "bin/python"), "-m", "pip", "install", "-q", f"uv=={UV_VERSION}"], check=True)
        shutil.copy2(scratch / "bin/uv", folder / "uv")
        shutil.rmtree(scratch)

    return cache.entry(f"uv-{UV_VERSION}", build) / "uv"


def sync(python: Path, lock: Path) -> None:
    """Make the virtual environment at `python`'s folder hold exactly what `lock` names, hashes checked."""
    environment = python.parent.parent
    stamp = environment / ".strata-lock"
    wanted = hashlib.sha256(" ".join(SYNC).encode() + lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with cache.exclusive("environment-" + hashlib.sha256(str(environment).encode()).hexdigest()[:16]) as held:
        if stamp.exists() and stamp.read_text() == wanted:
            return
        stamp.unlink(missing_ok=True)
        if not python.exists():
            command = [str(uv()), "venv", "-q", "--python", sys.executable, str(environment)]
            subprocess.run(command, check=True, pass_fds=[held])
        subprocess.run([str(uv()), *SYNC, "--python", str(python), str(lock)], check=True, pass_fds=[held])
        stamp.write_text(wanted)


def sync_all(repository: Path) -> None:
    """Fill the environments of the repository: the product's, the local cloud's and the policy pack's."""
    for environment, lock in ENVIRONMENTS:
        sync(repository / environment / "bin/python", repository / lock)


def _services(repository: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the lock of each service in Python: its packages have the versions of the program's own environment."""
    for file in sorted((repository / "app").glob("*/requirements.in")):
        source = file.relative_to(repository).as_posix()
        yield source, source.replace(".in", ".txt"), ("requirements.txt",)


def lock_all(repository: Path, upgrade: bool) -> None:
    """Resolve each `.in` into its lock: hashes, every platform, and no index's address."""
    with cache.exclusive("lock") as held:
        for source, lock, constraints in (*LOCKS, *_services(repository)):
            command = [
                str(uv()),
                "pip",
                "compile",
                "-q",
                "--universal",
                "--generate-hashes",
                "--python-version",
                "3.11",
            ]
            command += ["--no-emit-index-url", "--custom-compile-command", "make lock"]
            command += ["--upgrade"] if upgrade else []
            command += [part for name in constraints for part in ("--constraint", name)]
            subprocess.run([*command, "--output-file", lock, source], check=True, cwd=repository, pass_fds=[held])
