"""Output of the pipeline's commands: errors as a line and an exit code, job summaries, and step outputs."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from infra import console
from infra.config import ConfigError, stack_file
from infra.console import Exit, UsageError
from infra.release.model.spec import ReleaseError

Stack = Annotated[str, typer.Option(help="The Pulumi stack.")]
REPOSITORY = Path(__file__).resolve().parents[2]
answering = partial(console.answering, {ConfigError: Exit.USAGE, ReleaseError: Exit.UNKNOWN})


def short(stack: str) -> str:
    """Return the stack's own name, e.g. `prod`, for any name that Pulumi accepts. Raises UsageError."""
    try:
        return stack_file.short(stack, stack_file.project(REPOSITORY).name)
    except stack_file.StackFileError as problem:
        raise UsageError(str(problem)) from None


def summarize(markdown: str) -> None:
    """Add Markdown to the summary of the job, or print it where there is no job.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
    """
    _add("GITHUB_STEP_SUMMARY", markdown)


def set_output(**outputs: str) -> None:
    """Set outputs of the step, or print them as lines where there is no job."""
    _add("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in outputs.items()))


def _add(variable: str, text: str) -> None:
    if file := os.environ.get(variable):
        with Path(file).open("a", encoding="utf-8") as open_file:
            open_file.write(text)
    else:
        typer.echo(text, nl=False)
