"""How a release is told while it goes on: a line for all that is new, and on a terminal one that keeps changing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from infra.release.engine.runner import Report
from infra.release.model.outcome import Progress


@contextmanager
def progress_reporter(*, as_json: bool) -> Iterator[Report]:
    """A Report for the runner; on standard error where a program reads the answer."""
    console = Console(stderr=as_json, markup=False, highlight=False)
    if not console.is_terminal:
        told: dict[str, str] = {}

        def log(progress: Progress) -> None:
            line = progress.line()
            if not progress.quiet and told.get(progress.function) != line:
                console.print(line, soft_wrap=True)
            told[progress.function] = line

        yield log
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def tell(progress: Progress) -> None:
            if progress.repeated:
                live.update(Text(progress.line(), overflow="fold", style="bold cyan"))
            else:
                console.print(progress.line())

        yield tell
