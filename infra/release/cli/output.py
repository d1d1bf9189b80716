"""What every command answers with: text for a person, one JSON document for a program, and an exit code."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from infra.release.model.spec import ReleaseError

Stack = Annotated[str, typer.Option(help="The Pulumi stack whose release it is.")]
Function = Annotated[str, typer.Option(help="Only this function of the stack; else all of them.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]

EXIT_CODES = (
    "Exit codes: 0 done, and all is well; 1 something is wrong or went back, which the answer names; "
    "2 wrong usage; 3 refused, and nothing was done; 4 unknown: no such stack, no credentials, or AWS unreachable."
)

SUBSTITUTES = {"·": "|", "█": "#", "░": ".", "…": "."}


class Exit(IntEnum):
    """As EXIT_CODES tells them. 2 is typer's own."""

    OK = 0
    BAD = 1
    USAGE = 2
    REFUSED = 3
    UNKNOWN = 4


class RefusedError(ReleaseError):
    """A command that must not be carried out; nothing was done."""


class UsageError(ReleaseError):
    """What was asked cannot be: a name that is not there, a value out of bounds."""


@contextmanager
def answering(*, as_json: bool) -> Iterator[None]:
    """Turn a ReleaseError into one line on standard error, or a document with `error`, and its exit code."""
    try:
        yield
    except ReleaseError as problem:
        if as_json:
            typer.echo(json.dumps({"error": str(problem)}))
        typer.echo(f"error: {problem}", err=True)
        codes: dict[type[ReleaseError], Exit] = {RefusedError: Exit.REFUSED, UsageError: Exit.USAGE}
        raise typer.Exit(codes.get(type(problem), Exit.UNKNOWN)) from None


def substitute(problem: UnicodeError) -> tuple[str, int]:
    """ASCII characters for what an encoding lacks: a handler of codecs' errors."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    return "".join(SUBSTITUTES.get(each, "?") for each in problem.object[problem.start : problem.end]), problem.end


def print_anywhere() -> None:
    """Keep standard output and error from failing on a character that their encoding lacks."""
    codecs.register_error(substitute.__name__, substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=substitute.__name__)


def answer(document: Mapping[str, Any], *shown: RenderableType, as_json: bool, code: Exit = Exit.OK) -> None:
    """Print the document or what a person is shown, and end with `code`."""
    if as_json:
        typer.echo(json.dumps(document, indent=2, default=str))
    else:
        console = Console(markup=False, highlight=False)  # an error's words may look like markup
        for each in shown:
            console.print(each, soft_wrap=isinstance(each, str))
    if code is not Exit.OK:
        raise typer.Exit(code)
