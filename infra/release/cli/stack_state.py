"""Read region, targets and policy of a stack's release from the stack's state, for the operator's command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from infra.release.model.spec import RELEASE, ReleaseError

UPDATE_FIELDS = ("configuration", "probe")
"""Fields of a target that only an update and a preview need. They are long, and `configuration` may be secret."""


def release(stack: str, function: str = "") -> Mapping[str, Any]:
    """Return region, targets and policy of the stack's release as JSON; of several, of the one that has the function.

    A stack of another program has a release for each of its CanaryReleases. Raises ReleaseError if there is none, or if
    `function` does not say which.
    """
    command = ["pulumi", "stack", "export", "--stack", stack]
    try:
        exported = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ReleaseError("the command `pulumi` is not on PATH: it knows the stack's targets; install it") from None
    if exported.returncode:
        why = exported.stderr.strip() or f"`{' '.join(command)}` ended with exit code {exported.returncode}"
        raise ReleaseError(f"stack {stack} has no release: {why}; run `pulumi up` first")
    found = in_state(json.loads(exported.stdout))
    if not found:
        raise ReleaseError(f"stack {stack} has no release: its state holds no {RELEASE}; run `pulumi up` first")
    if len(found) == 1:
        return found[0]
    by_function = {target["function"]: each for each in found for target in each["targets"]}
    if function in by_function:
        return by_function[function]
    given = f"{function!r} is in none of them" if function else "none is named"
    raise ReleaseError(
        f"stack {stack} has {len(found)} releases, of {', '.join(sorted(by_function))}, and {given}; give one of these "
        "functions by --function"
    )


def in_state(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the releases that are in `state`, the document of `pulumi stack export`.

    Reads the resource's inputs: an update that fails does not change them, and a secret in one target encrypts that
    field alone, where the outputs may encrypt all targets. Without the resource, reads the output `release`, which
    stacks had until November 2026.
    """
    resources = (state.get("deployment") or {}).get("resources") or ()
    kept = [each for each in resources if not each.get("delete")]
    found = [each["inputs"] for each in kept if each["type"] == RELEASE]
    if not found:
        outputs = next((each.get("outputs") for each in kept if each["type"] == "pulumi:pulumi:Stack"), None)
        found = [former] if (former := (outputs or {}).get("release")) else []
    return [_read(inputs) for inputs in found]


def _read(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    targets = [
        {name: value for name, value in target.items() if name not in UPDATE_FIELDS} for target in inputs["targets"]
    ]
    return {"region": inputs["region"], "targets": targets, "policy": inputs["policy"]}
