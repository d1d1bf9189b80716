"""`drift` lists the resources in AWS that differ from the stack's state."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from infra.console import CommandError, FailedError
from infra.pipeline.output import Stack, answering
from infra.release.model.spec import RELEASE
from infra.release.provider.drift import MOVED
from infra.release_events import READ_ONLY

LONGEST = 120  # characters of a value in a line
OWN = "__"
"""The prefix of the keys that pulumi-aws adds to a state for itself: `__meta`, `__defaults`,
`__pulumi_raw_state_delta`. https://github.com/pulumi/pulumi-terraform-bridge/tree/main/pkg/reservedkeys
"""
MISSING = "nothing"
SECRETS = ("aws:ssm/parameter:Parameter", "aws:cloudwatch/eventApiDestination:EventApiDestination")
"""Not compared: Pulumi's provider reads a parameter decrypted or not at all, and a chat's address is in its API
destination; the preview role may not read them.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
"""
State = Mapping[str, Any]


def drift(*, stack: Stack) -> None:
    """Compare the stack's state with AWS, by a refresh that changes nothing and takes no lock.

    Properties that the program ignores (`ignore_changes`) are no drift: the version that CodeDeploy moved the alias to,
    and the tags that record releases. An alias that is not where the last release left it is drift. SSM parameters
    and API destinations are not compared, since only the deploy role may read them. Exit code 1: something has drifted.
    """
    with answering():
        steps = refreshed(stack)
        found, released = list(drifted(steps)), list(moved(steps))
        for each in [*found, *released]:
            typer.echo(each)
        if found:
            remedy = f"`pulumi up --refresh --stack {stack}` restores what the state says"
            raise FailedError(f"stack {stack} has drifted; {remedy}")
        if released:
            raise FailedError(f"stack {stack} is not live on the version that it wants")
    typer.echo(f"stack {stack} is as its state says")


def refreshed(stack: str) -> Sequence[State]:
    """Return the steps of a previewed refresh. Raises CommandError with Pulumi's words where it fails.

    https://www.pulumi.com/docs/iac/cli/commands/pulumi_refresh/
    """
    command = ["pulumi", "refresh", "--preview-only", "--json", "--non-interactive", "--stack", stack]
    command += [word for kind in SECRETS for word in ("--exclude", f"**{kind}::*")]
    # Pulumi refuses "true" beside --preview-only. The preview role may announce nothing; `doctor` does.
    env = {**os.environ, "PULUMI_SKIP_CONFIRMATIONS": "false", READ_ONLY: "true"}
    try:
        ran = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False)
        steps: Sequence[State] = json.loads(ran.stdout)["steps"]
    except FileNotFoundError:
        raise CommandError("the command `pulumi` is not on PATH; install it") from None
    except (ValueError, KeyError):
        said = " ".join((ran.stderr or ran.stdout).split())
        raise CommandError(f"the refresh of stack {stack} failed: {said}") from None
    if ran.returncode:
        raise CommandError(f"the refresh of stack {stack} failed: {' '.join(ran.stderr.split())}")
    return steps


def drifted(steps: Sequence[State]) -> Iterator[str]:
    """Yield a line for each resource that is gone, and for each property whose value differs."""
    for step in steps:
        old, new = step.get("oldState") or {}, step.get("newState") or {}
        if step["op"] == "delete":
            yield f"{_name(step)} is gone"
        elif step["op"] == "update" and old.get("type") != RELEASE:
            yield from (f"{_name(step)}: {each}" for each in _differences(old, new))


def moved(steps: Sequence[State]) -> Iterator[str]:
    """Yield a line for each function that is not live on the version that the stack wants.

    It gives the release's own detail: the reason, and what the next `up` does.
    """
    for step in steps:
        if step["op"] == "update" and (step.get("oldState") or {}).get("type") == RELEASE:
            outcomes = ((step.get("newState") or {}).get("outputs") or {}).get("outcomes") or {}
            for function, each in outcomes.items():
                if each["outcome"] == MOVED:
                    yield f"{_name(step)}: {function}: {each['detail']}"


def _name(step: State) -> str:
    kind = (step.get("oldState") or {}).get("type", "")
    return f"{str(step['urn']).rpartition('::')[2]} ({kind})"


def _differences(old: State, new: State) -> Iterator[str]:
    ignored = set(old.get("ignoreChanges") or ())
    before, after = _clean(old.get("outputs") or {}), _clean(new.get("outputs") or {})
    for key in sorted(set(before) | set(after)):
        was, now = before.get(key), after.get(key)
        if key not in ignored and (was or None) != (now or None):  # AWS has no empty list or map of its own
            yield f"{key} is {_shown(now)}, and the state says {_shown(was)}"


def _clean(value: Any) -> Any:
    """Return a copy without the providers' own keys, which begin with two underscores, at any depth."""
    if isinstance(value, Mapping):
        return {key: _clean(each) for key, each in value.items() if not str(key).startswith(OWN)}
    return [_clean(each) for each in value] if isinstance(value, list) else value


def _shown(value: object) -> str:
    text = MISSING if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
