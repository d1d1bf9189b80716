"""Finds a Chromium for the tests of pages and for their pictures: the installed one, or Debian's in the cache.

Debian's package and the libraries that this machine lacks are downloaded and unpacked, not installed: nothing outside
the cache changes, and no root is needed. https://manpages.debian.org/bookworm/apt/apt-get.8.en.html
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local.toolchain import cache

NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKAGE = "chromium-headless-shell"
URIS = ("apt-get", "install", "--print-uris", "--yes", "--no-install-recommends", "-qq", PACKAGE)
WITHOUT = "toolchain: tests of pages are skipped: Debian's {} could not be unpacked ({}); install Chromium or Chrome"

LAUNCHER = f"""\
#!/bin/sh
here=$(dirname "$(realpath "$0")")/root/usr/lib
libraries=$(find "$here" -name '*.so*' -exec dirname {{}} \\; | sort -u | tr '\\n' ':')
LD_LIBRARY_PATH="$libraries${{LD_LIBRARY_PATH:-}}" exec "$here/chromium/{PACKAGE}" "$@"
"""


def folder() -> Path | None:
    """Return the folder to put in front of PATH; None if a browser is there, or if apt has none to unpack.

    Why a download failed is said on standard error: the tests of pages are then skipped, and all others run.
    """
    if installed() or not (files := wanted()):
        return None
    try:
        return cache.entry(f"chromium-{hashlib.sha256(' '.join(files).encode()).hexdigest()[:12]}", _unpack(files))
    except (OSError, subprocess.CalledProcessError) as problem:
        print(WITHOUT.format(PACKAGE, problem), file=sys.stderr)
        return None


def installed() -> str | None:
    """Return the path of the browser on PATH; None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def wanted() -> Sequence[str]:
    """Return the files `NAME_VERSION_ARCHITECTURE.deb` that apt would fetch; none without apt or without its lists.

    A line of apt's: 'URI' FILE BYTES HASH
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return ()
    said = subprocess.run(URIS, check=False, capture_output=True, text=True)
    return sorted(line.split()[1] for line in said.stdout.splitlines()) if said.returncode == 0 else ()


def _unpack(files: Sequence[str]) -> cache.Build:
    def build(folder: Path) -> None:
        scratch = folder / "scratch"
        scratch.mkdir()
        scratch.chmod(0o777)  # apt downloads as a user of its own if it is run by root
        folder.chmod(0o755)
        packages = [file.partition("_")[0] for file in files]
        subprocess.run(
            ["apt-get", "download", "-qq", *packages], cwd=scratch, check=True, capture_output=True, text=True
        )
        for archive in sorted(scratch.glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", str(archive), str(folder / "root")], check=True)
        shutil.rmtree(scratch)
        launcher = folder / NAMES[0]
        launcher.write_text(LAUNCHER, encoding="utf-8")
        launcher.chmod(0o755)

    return build
