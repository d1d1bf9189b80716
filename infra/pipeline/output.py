"""How the pipeline's commands answer: an error is a line and an exit code, a summary goes where GitHub shows it."""

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
BAD, USAGE, UNKNOWN = 1, 2, 4  # as of the operator's command


class PipelineError(Exception):
    """What a command cannot do; `code` is its exit code."""

    def __init__(self, message: str, code: int = UNKNOWN) -> None:
        super().__init__(message)
        self.code = code


def short(stack: str) -> str:
    """The stack's own name, e.g. `prod`, by whichever name Pulumi takes. Raises PipelineError."""
    try:
        return stack_file.short(stack, stack_file.project(REPOSITORY).name)
    except stack_file.StackFileError as problem:
        raise PipelineError(str(problem), USAGE) from None


@contextmanager
def answering() -> Iterator[None]:
    """Turn an error into one line on standard error, and its exit code."""
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
    """Add to the summary of the job, or print it where there is no job.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
    """
    _add("GITHUB_STEP_SUMMARY", markdown)


def hand_on(**outputs: str) -> None:
    """Outputs of the step, or lines to read where there is no job."""
    _add("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in outputs.items()))


def _add(variable: str, text: str) -> None:
    if file := os.environ.get(variable):
        with Path(file).open("a", encoding="utf-8") as open_file:
            open_file.write(text)
    else:
        typer.echo(text, nl=False)
