"""Prepares an account for its stacks, as an administrator does once: `pulumi up` in `bootstrap/`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.config import stack_file
from rehearsal.environment.sandbox import succeed
from rehearsal.environment.workspace import Scratch

PROGRAM = "bootstrap"  # the folder of the second program


@dataclass(frozen=True)
class Beside:
    """A stack that an account serves beside those of its file: its name, which its environment has too, and its
    services."""

    name: str
    services: Sequence[str]


def configured(scratch: Scratch, stack: str) -> dict[str, Any]:
    """Return the configuration of `bootstrap/` for the account of `stack`, by section."""
    found = stack_file.read(stack_file.project(scratch.project / PROGRAM), stack)
    return {key.partition(":")[2]: json.loads(text) for key, text in found.raw.items()}


def prepare(scratch: Scratch, env: Mapping[str, str], stack: str, beside: Beside | None = None) -> dict[str, Any]:
    """Run `pulumi up` in `bootstrap/` for the account of `stack` and return its outputs.

    `env` holds an administrator's credentials. `beside`: another stack that the account serves. Raises ScratchError if
    Pulumi fails.
    """
    succeed(scratch, env, "--cwd", PROGRAM, "stack", "init", stack)
    if beside is not None:
        path = f"strata-bootstrap:identity.stacks[{len(configured(scratch, stack)['identity']['stacks'])}]"
        lines = [f"{path}.name={beside.name}", f"{path}.environment={beside.name}"]
        lines += [f"{path}.services[{number}]={name}" for number, name in enumerate(beside.services)]
        given = [part for line in lines for part in ("--plaintext", line)]
        succeed(scratch, env, "--cwd", PROGRAM, "config", "set-all", "--stack", stack, "--path", *given)
    succeed(scratch, env, "--cwd", PROGRAM, "up", "--stack", stack)
    outputs: dict[str, Any] = json.loads(
        succeed(scratch, env, "--cwd", PROGRAM, "stack", "output", "--json", "--stack", stack)
    )
    return outputs
