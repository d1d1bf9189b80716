"""A table as every command here draws one: no lines, a bold heading, two spaces between columns."""

from rich.table import Table


def plain_table(*, headed: bool = True, between: int = 0) -> Table:
    """An empty one. `between`: empty lines between its rows."""
    return Table(box=None, pad_edge=False, show_header=headed, header_style="bold", padding=(0, 2, between, 0))
