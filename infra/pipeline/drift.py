"""`drift`: what AWS has that is not what the stack's state says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from infra.pipeline.told import BAD, PipelineError, Stack, answering

LONGEST = 120  # characters of a value
MISSING = "nothing"
State = Mapping[str, Any]


def drift(*, stack: Stack) -> None:
    """Compare the stack's state with what is there, by a refresh that changes nothing and takes no lock.

    What the program leaves to others (`ignore_changes`) does not count: which version CodeDeploy has moved the alias
    to, and the tags that tell of releases. An alias that is not where the last release left it does. Exit code 1:
    something has drifted.
    """
    with answering():
        found = list(drifted(refreshed(stack)))
        for each in found:
            typer.echo(each)
        if found:
            raise PipelineError(f"stack {stack} has drifted; `pulumi up` brings it back, see `make plan`", BAD)
    typer.echo(f"stack {stack} is as its state says")


def refreshed(stack: str) -> Sequence[State]:
    """The steps of a refresh that is only previewed. Raises PipelineError with Pulumi's words where it fails.

    https://www.pulumi.com/docs/iac/cli/commands/pulumi_refresh/
    """
    command = ["pulumi", "refresh", "--preview-only", "--json", "--non-interactive", "--stack", stack]
    env = {**os.environ, "PULUMI_SKIP_CONFIRMATIONS": "false"}  # which Pulumi refuses beside --preview-only
    try:
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        steps: Sequence[State] = json.loads(ran.stdout)["steps"]
    except FileNotFoundError:
        raise PipelineError("the command `pulumi` is not on PATH; install it") from None
    except (ValueError, KeyError):
        said = " ".join((ran.stderr or ran.stdout).split())
        raise PipelineError(f"the refresh of stack {stack} failed: {said}") from None
    if ran.returncode:
        raise PipelineError(f"the refresh of stack {stack} failed: {' '.join(ran.stderr.split())}")
    return steps


def drifted(steps: Sequence[State]) -> Iterator[str]:
    """A line for each resource that is gone, and each property that is another."""
    for step in steps:
        old, new, urn = step.get("oldState") or {}, step.get("newState") or {}, str(step["urn"])
        name = f"{urn.rpartition('::')[2]} ({old.get('type', '')})"
        if step["op"] == "delete":
            yield f"{name} is gone"
        elif step["op"] == "update":
            yield from (f"{name}: {each}" for each in _differences(old, new))


def _differences(old: State, new: State) -> Iterator[str]:
    ignored = set(old.get("ignoreChanges") or ())
    before, after = old.get("outputs") or {}, new.get("outputs") or {}
    for key in sorted(set(before) | set(after)):
        was, now = before.get(key) or None, after.get(key) or None  # AWS has no empty list or map of its own
        if key not in ignored and was != now:
            yield f"{key} is {_shown(now)}, and the state says {_shown(was)}"


def _shown(value: object) -> str:
    text = MISSING if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
