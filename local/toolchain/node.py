"""The packages of the services in TypeScript and of the viewer's page, and the tools that check and test them.

`app/package-lock.json` locks the tools of all, `app/SERVICE/package-lock.json` the packages of a service. npm fills
the folder `node_modules` beside each lock, without running a script of any package.
https://docs.npmjs.com/cli/commands/npm-ci
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.toolchain import cache
from local.toolchain.golang import ToolchainError

APP, MODULES, LOCK = "app", "node_modules", "package-lock.json"
PAGE = "infra/release/viewer/page"
OLDEST = (20, 19)  # what ESLint and the runtime's packages ask for
NO_NODE = (
    "the services in TypeScript (app/*/package.json) need `node` and `npm` on PATH, Node {}.{} or newer{}; install "
    "Node 22 or 24, which Lambda runs, from nodejs.org or by your system's packages"
)
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel", "error")
RESOLVE = ("--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved")
TSC, ESLINT = ("tsc", "--project", "."), ("eslint", "--max-warnings", "0", ".")
COMPILE = ("--bundle", "--packages=external", "--platform=node", "--format=esm", "--target=node20", "--sourcemap")

STAMP, FILES = ".strata-lock", ".strata-files.json"
"""In `node_modules`: the digest of what was installed, and the SHA-256 of each file, by which `infra.bundle` finds an
edited one. npm itself keeps the hashes of whole packages alone."""


def require() -> None:
    """Raise ToolchainError unless Node and npm are on PATH and new enough."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise ToolchainError(NO_NODE.format(*OLDEST, ""))
    said = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        raise ToolchainError(NO_NODE.format(*OLDEST, f", not {said}"))


def folders(repository: Path) -> list[Path]:
    """Return the folders with a package.json: that of the tools first, then the services' and that of the page."""
    found = [*services(repository), *_pages(repository)]
    return [repository / APP, *found] if found else []


def services(repository: Path) -> list[Path]:
    """Return the folders of the services in TypeScript."""
    return sorted(file.parent for file in (repository / APP).glob("*/package.json"))


def _pages(repository: Path) -> list[Path]:
    return [file.parent for file in [repository / PAGE / "package.json"] if file.exists()]


def sync_all(repository: Path) -> None:
    """Make each `node_modules` hold exactly what the lock beside it names."""
    wanted = [folder for folder in folders(repository) if not _is_filled(folder)]
    if wanted:
        require()
    for folder in wanted:
        sync(folder)


def sync(folder: Path) -> None:
    """Install the lock's packages, hashes checked by npm, unless they are there; one process at a time per folder.

    An interrupted installation has no stamp, so the next one starts again. Raises ToolchainError without a lock.
    """
    if not (folder / LOCK).exists():
        raise ToolchainError(f"{folder / 'package.json'} has no {LOCK} beside it; run `make lock` and commit it")
    with cache.exclusive("node-" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]) as lock:
        if _is_filled(folder):
            return
        modules = folder / MODULES
        if modules.is_symlink():  # a rehearsal's copy shares its origin's packages, and must not change them
            modules.unlink()
        (modules / STAMP).unlink(missing_ok=True)
        subprocess.run(["npm", *INSTALL], cwd=folder, check=True, pass_fds=[lock])
        modules.mkdir(exist_ok=True)  # npm makes none for a lock without packages
        if folder.name != APP:
            (modules / FILES).write_text(json.dumps(dict(_hashes(modules)), indent=0))
        (modules / STAMP).write_text(_digest(folder))


def _is_filled(folder: Path) -> bool:
    stamp = folder / MODULES / STAMP
    return (folder / LOCK).exists() and stamp.exists() and stamp.read_text() == _digest(folder)


def _digest(folder: Path) -> str:
    parts = [" ".join(INSTALL).encode(), *((folder / name).read_bytes() for name in ("package.json", LOCK))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _hashes(modules: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(modules.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield file.relative_to(modules).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()


def lock_all(repository: Path, upgrade: bool) -> None:
    """Resolve each package.json into its lock: hashes, every platform, and no registry's address."""
    if not (found := folders(repository)):
        return
    require()
    with cache.exclusive("lock") as lock:
        for folder in found:
            command = ["npm", "update" if upgrade else "install", *RESOLVE]
            subprocess.run(command, cwd=folder, check=True, pass_fds=[lock])


def check(repository: Path) -> bool:
    """Return True if TypeScript and ESLint find nothing in any service or page; print what they find."""
    places = [*([repository / APP] if services(repository) else []), *_pages(repository)]
    if not places:
        return True
    require()
    passed = [_run(repository, *tool, place=place) for place in places for tool in (TSC, ESLINT)]
    return all(passed)


def test(repository: Path) -> bool:
    """Return True if each service's tests pass: `app/SERVICE/tests/*.test.ts`, compiled, under Node's own runner."""
    if not (found := services(repository)):
        return True
    require()
    passed = [_test(repository, folder) for folder in found]
    return all(passed)


def _test(repository: Path, folder: Path) -> bool:
    files = sorted(file.relative_to(repository / APP).as_posix() for file in (folder / "tests").glob("*.test.ts"))
    if not files:
        raise ToolchainError(f"{folder.relative_to(repository)} has no tests/*.test.ts; write one")
    # Beside the packages, so that Node finds them; a folder of its own, so that two runs do not meet.
    (folder / MODULES).mkdir(exist_ok=True)  # npm makes none for a service without packages
    with tempfile.TemporaryDirectory(dir=folder / MODULES, prefix=".tests-") as scratch:
        compiling = (*COMPILE, f"--outdir={scratch}", "--out-extension:.js=.mjs", "--log-level=warning")
        if not _run(repository, "esbuild", *files, *compiling):
            return False
        compiled = [str(Path(scratch, Path(name).name).with_suffix(".mjs")) for name in files]
        command = ["node", "--enable-source-maps", "--test", "--test-reporter=dot", *compiled]
        return subprocess.run(command, cwd=folder, check=False, env=_environment()).returncode == 0


def _run(repository: Path, tool: str, *arguments: str, place: Path | None = None) -> bool:
    program = repository / APP / MODULES / ".bin" / tool
    if not program.exists():
        raise ToolchainError(f"there is no {program}; run `make venvs`")
    return subprocess.run([str(program), *arguments], cwd=place or repository / APP, check=False).returncode == 0


def _environment() -> Mapping[str, str]:
    """Return the environment of a test, which reaches no account and no proxy of the user's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "POWERTOOLS_"))}
