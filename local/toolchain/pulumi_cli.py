"""Finds the Pulumi CLI and its Python language host: the installed official ones, or builds in the cache."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from local.toolchain import cache, environments, golang

VERSION = "v3.259.0"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
SDK = "github.com/pulumi/pulumi/sdk/v3"
HERE = Path(__file__).resolve().parent
MODULE = HERE / "pulumi"
HOST = HERE / "host"

LAUNCHER = """\
#!/bin/sh
here=$(dirname "$0")
exec "$here/venv/bin/python" "$here/language_host.py" "$@"
"""

NO_GO = f"""\
there is no `pulumi` on PATH, and no `go` to build one; either
  - install Pulumi's CLI, {VERSION} or newer, from pulumi.com/docs/install, or
  - install Go 1.25 or newer; the CLI is then built once (about five minutes) and kept in {{cache}}"""


def digest(*files: Path) -> str:
    """Return a digest of twelve hex digits over the bytes of `files`."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


def folder() -> Path | None:
    """Return the folder to put in front of PATH so that `pulumi` runs Python programs; None if the official tools
    exist."""
    if shutil.which("pulumi") is None:
        return host_folder(cli=cli_folder() / "pulumi")
    if shutil.which("pulumi-language-python") is None:
        return host_folder(cli=None)
    return None


def cli_folder() -> Path:
    """Return the cache's folder with a `pulumi` built from its Go module."""
    name = f"pulumi-{VERSION}-{digest(MODULE / 'go.mod', MODULE / 'go.sum')}"

    def build(folder: Path) -> None:
        go = require_go()
        flags = f"-s -w -X {SDK}/go/common/version.Version={VERSION}"
        say(f"building the Pulumi CLI {VERSION} once, for {cache.root() / name}; about five minutes on two cores")
        total = count_packages(go)
        command = [go, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags]
        command += ["-o", str(folder / "pulumi"), PACKAGE]
        watched(command, lambda lines: f"compiled {min(lines, total)} of {total} packages")

    return cache.entry(name, build)


def host_folder(cli: Path | None) -> Path:
    """Return the cache's folder with our `pulumi-language-python`, an environment for it, and `cli`.

    The two stand side by side, since the CLI warns of a language host that it finds anywhere else on PATH.
    """
    program, lock = HOST / "language_host.py", HOST / "requirements.txt"
    key = digest(program, lock, MODULE / "go.sum", HERE / "environments.py")
    name = f"tools-{VERSION}-{key}{'' if cli else '-host'}"

    def build(folder: Path) -> None:
        shutil.copy2(program, folder)
        shutil.copy2(exec_script(), folder)
        environments.sync(folder / "venv/bin/python", lock)
        launcher = folder / "pulumi-language-python"
        launcher.write_text(LAUNCHER)
        launcher.chmod(0o755)
        if cli:
            (folder / "pulumi").hardlink_to(cli)

    return cache.entry(name, build)


def exec_script() -> Path:
    """Return the SDK's own script that runs a Python program, a plain file of its Go module."""
    command = [require_go(), "list", "-m", "-f", "{{.Dir}}", SDK]
    subprocess.run([require_go(), "mod", "download", SDK], cwd=MODULE, check=True)
    found = subprocess.run(command, cwd=MODULE, check=True, capture_output=True, text=True)
    return Path(found.stdout.strip()) / "python/cmd/pulumi-language-python-exec"


def require_go() -> str:
    """Return the `go` on PATH. Raises ToolchainError, with both remedies, if there is none."""
    return golang.require(NO_GO.format(cache=cache.root()))


def count_packages(go: str) -> int:
    """Download the CLI's modules; return its number of packages."""
    listed = watched([go, "list", "-deps", PACKAGE], lambda lines: f"downloaded {lines} modules")
    return len(listed.splitlines())


def watched(command: list[str], progress: Callable[[int], str]) -> str:
    """Run a `go` command in the CLI's module and return what it prints.

    Go prints each module and package on standard error; every ten seconds `progress` reports their number. Raises
    ToolchainError, with the last lines, if the command fails.
    """
    started = time.monotonic()
    seen: list[str] = []
    with tempfile.TemporaryFile("w+") as printed:
        run = subprocess.Popen(command, cwd=MODULE, stdout=printed, stderr=subprocess.PIPE, text=True)
        reader = threading.Thread(target=lambda: seen.extend(line.rstrip() for line in run.stderr or ()))
        reader.start()
        try:
            while reader.is_alive():
                reader.join(10)
                minutes, seconds = divmod(int(time.monotonic() - started), 60)
                say(f"{progress(len(seen))}, {minutes} min {seconds:02} s")
            code = run.wait()
        finally:
            run.kill()
        if code != 0:
            last = "\n".join(seen[-20:])
            raise golang.ToolchainError(f"`{' '.join(command[:2])}` failed on the Pulumi CLI's module:\n{last}")
        printed.seek(0)
        return printed.read()


def say(line: str) -> None:
    """Print one line of progress on standard error: standard output is the caller's."""
    print(f"toolchain: {line}", file=sys.stderr, flush=True)
