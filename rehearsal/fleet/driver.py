"""Writes a fleet into a sandbox's copy of the project, in a stack of its own, and releases it with the real CLI."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rehearsal.environment.sandbox import Sandbox, release_in
from rehearsal.environment.workspace import ScratchError
from rehearsal.fleet import members
from rehearsal.observe.aws_records import FunctionState

FOLDER = Path("rehearsal/fleet")
STACK = "rehearsal"
PREFIX = f"fleet-{STACK}-"  # of the functions' names, before the member's own
# Pulumi's file backend writes the whole state after each of some hundred resources, which is half of the time that it
# takes to create a fleet of fifty. An interrupted rehearsal discards its state, so it needs no checkpoints.
NO_CHECKPOINTS = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


@dataclass(frozen=True)
class Up:
    """One `pulumi up`: its exit code, its real seconds and its output."""

    exit_code: int
    seconds: float
    text: str


@dataclass(frozen=True)
class Fleet:
    """The functions `names` of one sandbox."""

    sandbox: Sandbox
    names: Sequence[str]

    def create(self) -> None:
        """Write the first edition and create the stack. Raises ScratchError if that fails."""
        identity = self.sandbox.identities.get(STACK)
        provider = ("--secrets-provider", identity.secrets_provider) if identity else ()
        code, text = self._pulumi("stack", "init", STACK, *provider)
        self.edit(1)
        created = self.up(env=NO_CHECKPOINTS) if code == 0 else Up(code, 0.0, text)
        if created.exit_code != 0:
            raise ScratchError(f"the fleet could not be created (exit code {created.exit_code}):\n{created.text}")

    def edit(self, edition: int, bad: Collection[str] = ()) -> str:
        """Commit another edition of every member; return the commit's id. The `bad` raise on half of their calls."""
        scratch = self.sandbox.scratch
        members.write(scratch.project / FOLDER, self.names, edition, bad)
        return scratch.commit(f"Edition {edition} of {len(self.names)} functions")

    def up(self, on_line: Callable[[str], None] | None = None, env: Mapping[str, str] | None = None) -> Up:
        """Run `pulumi up`, and call `on_line` with each line of its output."""
        begun = time.monotonic()
        code, text = self._pulumi(*UP, on_line=on_line, env=env)
        return Up(code, round(time.monotonic() - begun, 2), text)

    @cached_property
    def targets(self) -> dict[str, dict[str, str]]:
        """Return the release's targets by name of the member. Raises ScratchError before the fleet was created."""
        code, text = self._pulumi("stack", "export", "--stack", STACK)
        if code != 0:
            raise ScratchError(f"the fleet's stack has no state (exit code {code}):\n{text}")
        return {one["function"].removeprefix(PREFIX): one for one in release_in(json.loads(text))["targets"]}

    def observe(self) -> dict[str, FunctionState]:
        """Return the state of every member, by AWS's own records."""
        aws = self.sandbox.aws
        return {name: aws.observe(target) for name, target in self.targets.items()}

    def _pulumi(self, *arguments: str, **how: Any) -> tuple[int, str]:
        identity = self.sandbox.identities.get(STACK)
        how["env"] = {**(identity.env if identity else {}), **(how.get("env") or {})}
        return self.sandbox.pulumi("--cwd", str(FOLDER), *arguments, **how)


UP = ("up", "--stack", STACK)
COMMAND = f"pulumi --cwd {FOLDER} {' '.join(UP)}"
