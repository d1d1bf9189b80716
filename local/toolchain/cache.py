"""A cache outside the repository that two runs may fill at once."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Build = Callable[[Path], None]
"""Fills the folder that it is given."""


def root() -> Path:
    """Return the cache folder: STRATA_CACHE, else XDG_CACHE_HOME/strata, else ~/.cache/strata."""
    chosen = os.environ.get("STRATA_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "strata"


@contextmanager
def exclusive(name: str) -> Iterator[int]:
    """Hold the lock `name` of the cache; the kernel releases it when the process ends, however it ends.

    Yields the lock's file descriptor. A command that fills a shared folder takes it as `pass_fds`: if this process is
    killed, its command goes on, and the lock is held until that ends too.
    https://man7.org/linux/man-pages/man2/flock.2.html
    """
    locks = root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def entry(name: str, build: Build) -> Path:
    """Return the cache's folder `name`, built once: `build` fills a scratch folder that appears whole or not at all."""
    place = root() / name
    if place.exists():
        return place
    with exclusive(name):
        if place.exists():
            return place
        scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root()))
        try:
            build(scratch)
            scratch.rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return place
