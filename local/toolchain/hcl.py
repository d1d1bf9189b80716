"""Checks HCL with a formatter built from the language's own Go module, so that terraform is not needed."""

import subprocess
from pathlib import Path

from local.toolchain import golang

PACKAGE = "github.com/hashicorp/hcl/v2/cmd/hclfmt"
MODULE = Path(__file__).resolve().parent / "hclfmt"
NO_GO = "checking HCL needs `go` on PATH, 1.25 or newer, to build hclfmt once (ten seconds)"


def check(folder: Path) -> bool:
    """Return True if every .tf file under `folder` parses and is formatted; print those that are not."""
    files = sorted(folder.rglob("*.tf"))
    if not files:
        raise golang.ToolchainError(f"no .tf file under {folder}")
    formatter = golang.tool(PACKAGE, MODULE, NO_GO)
    command = [str(formatter), "-check", "-require-no-change", *map(str, files)]
    checked = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return checked.returncode == 0
