"""A table as every command here draws one: no lines, a bold heading, two spaces between columns."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_UNBOUNDED = 10_000  # columns


def plain_table(*, headed: bool = True, between: int = 0) -> Table:
    """An empty one. `between`: empty lines between its rows."""
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
