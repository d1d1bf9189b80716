"""Prepares an account for its stacks, as an administrator does once: `pulumi up` in `bootstrap/`."""

import json
from collections.abc import Mapping
from typing import Any

from infra.config import stack_file
from rehearsal.environment.sandbox import succeed
from rehearsal.environment.workspace import Scratch

PROGRAM = "bootstrap"  # the folder of the second program


def configured(scratch: Scratch, stack: str) -> dict[str, Any]:
    """Return the configuration of `bootstrap/` for the account of `stack`, by section."""
    found = stack_file.read(stack_file.project(scratch.project / PROGRAM), stack)
    return {key.partition(":")[2]: json.loads(text) for key, text in found.raw.items()}


def prepare(scratch: Scratch, env: Mapping[str, str], stack: str) -> dict[str, Any]:
    """Run `pulumi up` in `bootstrap/` for the account of `stack` and return its outputs.

    `env` holds an administrator's credentials. Raises ScratchError if Pulumi fails.
    """
    succeed(scratch, env, "--cwd", PROGRAM, "stack", "init", stack)
    succeed(scratch, env, "--cwd", PROGRAM, "up", "--stack", stack, "--skip-preview")
    outputs: dict[str, Any] = json.loads(
        succeed(scratch, env, "--cwd", PROGRAM, "stack", "output", "--json", "--stack", stack)
    )
    return outputs
