"""Output of the pipeline's commands: errors as a line and an exit code, job summaries, and step outputs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from infra.config import ConfigError, stack_file
from infra.release.model.spec import ReleaseError

Stack = Annotated[str, typer.Option(help="The Pulumi stack.")]
REPOSITORY = Path(__file__).resolve().parents[2]
BAD, USAGE, UNKNOWN = 1, 2, 4  # the same as the operator's command


class PipelineError(Exception):
    """A command has failed; `code` is its exit code."""

    def __init__(self, message: str, code: int = UNKNOWN) -> None:
        super().__init__(message)
        self.code = code


def short(stack: str) -> str:
    """Return the stack's own name, e.g. `prod`, for any name that Pulumi accepts. Raises PipelineError."""
    try:
        return stack_file.short(stack, stack_file.project(REPOSITORY).name)
    except stack_file.StackFileError as problem:
        raise PipelineError(str(problem), USAGE) from None


@contextmanager
def answering() -> Iterator[None]:
    """Report an error of the block as one line on standard error, and exit with its code."""
    try:
        yield
    except ConfigError as problem:
        code, text = USAGE, str(problem)
    except ReleaseError as problem:
        code, text = UNKNOWN, str(problem)
    except PipelineError as problem:
        code, text = problem.code, str(problem)
    else:
        return
    typer.echo(f"error: {text}", err=True)
    raise typer.Exit(code)


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
