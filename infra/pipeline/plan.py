"""`plan` shows what deploying a stack would change and release, and which rules block it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from infra import artifacts
from infra.console import CommandError, FailedError
from infra.pipeline.markdown import cut, fenced
from infra.pipeline.output import Stack, answering, short

LONGEST = 20_000  # characters of a section in the comment; the log has all of it
REFUSED = 3  # exit code of `python -m infra.release plan` that blocks a release now, but is no fault of the change
# The engine asks a provider what differs in one resource at a time, unless told otherwise:
# https://www.pulumi.com/docs/iac/cli/environment-variables/
PARALLEL = {"PULUMI_PARALLEL_DIFF": "true"}
NOISE = re.compile(r"@ previewing")  # Pulumi's progress lines


@dataclass(frozen=True)
class Section:
    """One part of a plan. `passed` is false if it blocks the change; `note` qualifies the result."""

    title: str
    text: str
    passed: bool
    note: str = ""


def plan(
    *,
    stack: Stack,
    into: Annotated[Path, typer.Option(help="The folder for STACK.md, from which `comment` makes a comment.")] = Path(
        "dist/plans"
    ),
) -> None:
    """Preview the stack under the policy pack, find state that would be lost, and show what would be released.

    It changes nothing. The bundles that STRATA_MANIFEST names need not be in the artifact bucket yet; without it they
    are built here, and a stack that was deployed from the bucket is shown as if its code would change. Exit code 1: the
    preview failed, or a rule blocks it.
    """
    with answering():
        sections = list(answered(stack))
        text = page(short(stack), sections)
        into.mkdir(parents=True, exist_ok=True)
        (into / f"{short(stack)}.md").write_text(text, encoding="utf-8")
        for each in sections:
            typer.echo(f"{each.title}: {'passed' if each.passed else 'FAILED'}{each.note}\n{each.text}\n")
        if wrong := [each.title.lower() for each in sections if not each.passed]:
            raise FailedError(f"stack {stack}: {', '.join(wrong)} failed")


def answered(stack: str) -> Iterator[Section]:
    """Yield the sections in order; the others need the preview, so they are left out where it fails."""
    levels = Path("policy/levels") / f"{short(stack)}.json"
    pack = ["--policy-pack", "policy", *(["--policy-pack-config", str(levels)] if levels.exists() else [])]
    preview = _ran("pulumi", "preview", "--stack", stack, "--diff", "--non-interactive", "--color", "never", *pack)
    yield Section("Preview and policy", _without_noise(preview.stdout + preview.stderr), not preview.returncode)
    if preview.returncode:
        return
    steps = _ran("pulumi", "preview", "--stack", stack, "--json", "--non-interactive")
    gone = _ran(sys.executable, "-m", "policy.deletions", short(stack), given=steps.stdout)
    yield Section(
        "Deletions", gone.stdout.strip() or gone.stderr.strip() or "no state would be lost", not gone.returncode
    )
    release = _ran(sys.executable, "-m", "infra.release", "plan", "--stack", stack)
    yield Section(
        "Release",
        (release.stdout + release.stderr).strip(),
        release.returncode in {0, REFUSED},
        ", but would be refused now" if release.returncode == REFUSED else "",
    )


def page(stack: str, sections: Sequence[Section]) -> str:
    """Return the plan in Markdown: failed sections open, the rest folded."""
    good = all(each.passed for each in sections)
    lines = [f"### {stack}: {'passed' if good else 'blocked'}"]
    for each in sections:
        state = ("passed" if each.passed else "**failed**") + each.note
        text = cut(each.text, LONGEST)
        opened = "" if each.passed else " open"
        lines.append(f"<details{opened}><summary>{each.title}: {state}</summary>\n\n{fenced(text)}\n\n</details>")
    return "\n\n".join(lines) + "\n"


def _ran(*command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **PARALLEL, artifacts.PLAN: "true"}
    try:
        return subprocess.run(
            command, input=given, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError:
        raise CommandError(f"the command `{command[0]}` is not on PATH; install it") from None


def _without_noise(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines() if not NOISE.match(line)).strip()
