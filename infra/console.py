"""A terminal as every command here writes to one: its tables, and text that its encoding lacks."""

from __future__ import annotations

import codecs
import sys
from io import TextIOWrapper

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

ASCII = {"·": "|", "…": "...", "→": "->"}
"""How a character is written where the terminal's encoding lacks it; any other is written as Python's escape of it."""
_HANDLER = "strata-ascii"
_UNBOUNDED = 10_000  # columns


def plain_table(*, headed: bool = True, between: int = 0) -> Table:
    """An empty table without lines, with a bold heading and two spaces between columns. `between`: empty lines between
    its rows."""
    return Table(box=None, pad_edge=False, show_header=headed, header_style="bold", padding=(0, 2, between, 0))


def fitted(table: Table, console: Console) -> RenderableType:
    """The table, or where the console is too narrow for it, a paragraph for each row: `good: outcome promoted, ...`."""
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


def write_in_any_encoding() -> None:
    """From now on standard output and error take any text: what their encoding lacks is written by ASCII."""
    codecs.register_error(_HANDLER, in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def in_ascii(problem: UnicodeError) -> tuple[str, int]:
    """An error handler of `codecs`: what to write instead of what cannot be encoded, and where to go on."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    lacking = problem.object[problem.start : problem.end]
    return "".join(ASCII.get(character, ascii(character)[1:-1]) for character in lacking), problem.end
