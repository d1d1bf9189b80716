"""What a stack has exported about its release, for the operator's command."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from infra.release.model.spec import ReleaseError


def exported(stack: str) -> dict[str, Any]:
    """The stack's output `release`: targets, policy and region. Raises ReleaseError where there is none."""
    command = ["pulumi", "stack", "output", "release", "--json", "--stack", stack]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ReleaseError("the command `pulumi` is not on PATH: it knows the stack's targets; install it") from None
    if found.returncode:
        raise ReleaseError(f"stack {stack} has no output `release`: {found.stderr.strip()}; run `pulumi up` first")
    output: dict[str, Any] = json.loads(found.stdout)
    return output
