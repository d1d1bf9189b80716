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
    """Return region, targets and policy of the stack's release as JSON, and the name of its table, "" for none; of
    several, of the one that has the function.

    A stack of another program has a release for each of its CanaryReleases. Raises ReleaseError if there is none, or if
    `function` does not say which.
    """
    state = exported(stack)
    table = outputs(state).get("table_name")
    found = [{**each, "table": table if isinstance(table, str) else ""} for each in in_state(state)]
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


def exported(stack: str) -> Mapping[str, Any]:
    """Return the stack's state, the document of `pulumi stack export`. Raises ReleaseError if Pulumi gives none."""
    command = ["pulumi", "stack", "export", "--stack", stack]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ReleaseError("the command `pulumi` is not on PATH: it knows the stack's targets; install it") from None
    if done.returncode:
        why = done.stderr.strip() or f"`{' '.join(command)}` ended with exit code {done.returncode}"
        raise ReleaseError(f"stack {stack} has no release: {why}; run `pulumi up` first")
    state: Mapping[str, Any] = json.loads(done.stdout)
    return state


def outputs(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the stack's program exported when it last succeeded, of the document of `pulumi stack export`."""
    return next((each.get("outputs") or {} for each in _kept(state) if each["type"] == "pulumi:pulumi:Stack"), {})


def in_state(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the releases that are in `state`, the document of `pulumi stack export`.

    Reads the resource's inputs: an update that fails does not change them, and a secret in one target encrypts that
    field alone, where the outputs may encrypt all targets. Without the resource, reads the output `release`, which
    stacks had until November 2026.
    """
    found = [each["inputs"] for each in _kept(state) if each["type"] == RELEASE]
    if not found:
        found = [former] if (former := outputs(state).get("release")) else []
    return [_read(inputs) for inputs in found]


def _kept(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    resources = (state.get("deployment") or {}).get("resources") or ()
    return [each for each in resources if not each.get("delete")]


def _read(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    targets = [
        {name: value for name, value in target.items() if name not in UPDATE_FIELDS} for target in inputs["targets"]
    ]
    return {"region": inputs["region"], "targets": targets, "policy": inputs["policy"]}
