"""Answer a command: text for an operator, one JSON document for a program, an error line, an exit code."""

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
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_UNBOUNDED = 10_000  # columns

SUBSTITUTES = {"·": "|", "█": "#", "░": ".", "…": ".", **dict(zip("▁▂▃▄▅▆▇", "_,-~=+*", strict=True))}
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


class Exit(IntEnum):
    """The exit codes of a command. 2 is typer's own."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNKNOWN = 4


class CommandError(Exception):
    """A command could not do or find out what was asked; `code` is its exit code."""

    code = Exit.UNKNOWN


class FailedError(CommandError):
    """A command found a problem."""

    code = Exit.FAILED


class UsageError(CommandError):
    """The command was called with an unknown name or a value out of bounds."""

    code = Exit.USAGE


class RefusedError(CommandError):
    """A command was refused, and nothing was done."""

    code = Exit.REFUSED


@contextmanager
def answering(codes: Mapping[type[Exception], Exit], *, as_json: bool = False) -> Iterator[None]:
    """Turn a CommandError, or an error that `codes` names, into one line on standard error and its exit code.

    as_json: print a document with `error` too.
    """
    errors: tuple[type[Exception], ...] = (CommandError, *codes)
    try:
        yield
    except errors as problem:
        kinds = (each for each in type(problem).__mro__ if each in codes)
        code = problem.code if isinstance(problem, CommandError) else codes[next(kinds)]
        if as_json:
            typer.echo(json.dumps({"error": str(problem)}))
        typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(code) from None


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


def plain_table(*, headed: bool = True, between: int = 0) -> Table:
    """Return an empty table without lines, with a bold heading and two spaces between columns.

    between: empty lines between its rows.
    """
    return Table(box=None, pad_edge=False, show_header=headed, header_style="bold", padding=(0, 2, between, 0))


def fitted(table: Table, console: Console) -> RenderableType:
    """Return the table, or on a console too narrow for it a paragraph for each row: `good: outcome promoted, ...`."""
    if console.measure(table, options=console.options.update(max_width=_UNBOUNDED)).maximum <= console.width:
        return table
    names = [str(column.header) for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    shown = Table.grid()
    for first, *cells in rows:
        named = [f"{name} {cell}" for name, cell in zip(names[1:], cells, strict=True) if cell]
        shown.add_row(Text(f"{first}:", style="bold"))
        shown.add_row(Padding(Text(", ".join(named)), (0, 0, 0, 2)))
    return shown
