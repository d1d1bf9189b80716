"""The two tools, as an operator has them on PATH. Terraform's `apply` and `plan` are never run.

`terraform state rm` and `state push` need no provider plugin: they read the backend's settings and the state alone.
https://developer.hashicorp.com/terraform/cli/commands/state
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.migrate import read
from infra.migrate.model import MigrationError, PreviewStep, PulumiResource

LAST_LINES = 30  # of a tool's output, in an error


@dataclass(frozen=True)
class Terraform:
    """Terraform in a layer's folder. The caller holds the state's lock, so no command takes it."""

    folder: Path

    def forget(self, addresses: Sequence[str]) -> None:
        """Take resources out of the state. Raises MigrationError."""
        self._run("state", "rm", "-lock=false", *addresses)

    def push(self, state: bytes) -> None:
        """Write the state. Terraform refuses another lineage, or a serial that is not newer."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "state.json"
            file.write_bytes(state)
            self._run("state", "push", "-lock=false", str(file))

    def _run(self, *arguments: str) -> None:
        run(
            ["terraform", f"-chdir={self.folder}", *arguments], env={"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        )


@dataclass(frozen=True)
class Pulumi:
    """The Pulumi CLI in the project's folder. `report` gets each line of `pulumi up`."""

    project: Path
    stack: str
    report: Callable[[str], None]

    def export(self) -> str:
        """Return the stack's state. Secrets in it stay encrypted."""
        return self._run("stack", "export")

    def resources(self) -> tuple[PulumiResource, ...]:
        return read.pulumi_state(self.export(), self.stack)

    def preview(self, *, refresh: bool = False, drops: bool = False) -> tuple[PreviewStep, ...]:
        """Preview an update, or, to refresh, what AWS has other than the state.

        `drops`: as if nothing were protected, since Pulumi refuses to preview that a protected resource goes.
        https://www.pulumi.com/docs/iac/cli/commands/pulumi_preview/
        """
        command = ["refresh", "--preview-only"] if refresh else ["preview", *(["--ignore-protect"] if drops else [])]
        return read.preview(self._run(*command, "--json", "--non-interactive"), self.stack)

    def up(self) -> None:
        """Update the stack, whose preview was judged a moment ago."""
        self.report(self._run("up", "--yes", "--skip-preview", "--non-interactive"))

    def unprotect(self, urns: Sequence[str]) -> None:
        """Let the stack's state lose these resources. It stays a fact of the state that AWS is to keep them."""
        if urns:
            self._run("state", "unprotect", *urns, "--yes")

    def _run(self, *arguments: str) -> str:
        return run(["pulumi", *arguments, "--stack", self.stack], cwd=self.project)


def run(command: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a tool to its end, and return its standard output. Raises MigrationError with its last lines."""
    # That variable is --yes, which `refresh --preview-only` refuses.
    inherited = {name: value for name, value in os.environ.items() if name != "PULUMI_SKIP_CONFIRMATIONS"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env={**inherited, **(env or {})}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise MigrationError(f"the command `{command[0]}` is not on PATH; install it") from None
    if done.returncode:
        said = "\n".join((done.stderr.strip() or _diagnostics(done.stdout)).splitlines()[-LAST_LINES:])
        raise MigrationError(f"`{' '.join(command)}` ended with exit code {done.returncode}:\n{said}")
    return done.stdout


def _diagnostics(text: str) -> str:
    """Return the messages of a document that `pulumi --json` printed, or else the text."""
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return text
    return "\n".join(each["message"].strip() for each in found.get("diagnostics", ()))
