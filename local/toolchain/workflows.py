"""Checks workflows with actionlint, built from its own Go module: mistakes that GitHub would refuse or misread."""

import subprocess
from pathlib import Path

from local.toolchain import golang

PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"
MODULE = Path(__file__).resolve().parent / "actionlint"
NO_GO = "checking workflows needs `go` on PATH, 1.25 or newer, to build actionlint once (fifteen seconds)"
# A `run:` is one make target and nothing else, which tests/workflows checks: there is no script to check. So what is
# found does not depend on whether a machine happens to have shellcheck.
NO_SCRIPTS = ("-shellcheck=", "-pyflakes=")


def check(folder: Path) -> bool:
    """Return True if actionlint finds nothing in the workflows of `folder`; print what it finds."""
    files = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
    if not files:
        raise golang.ToolchainError(f"no workflow in {folder}")
    linter = golang.tool(PACKAGE, MODULE, NO_GO)
    return subprocess.run([str(linter), *NO_SCRIPTS, *map(str, files)], check=False).returncode == 0
