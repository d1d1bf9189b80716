"""Print a release's progress: one line for each new event, and on a terminal a last line that keeps changing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from infra.release.engine.runner import Report
from infra.release.model.outcome import Progress


class Kept:
    """Picks what a log keeps: what is not quiet, and is not the function's last line again."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def new(self, progress: Progress) -> bool:
        """True if a log gets a line of it."""
        line, last = progress.line(), self._last.get(progress.function)
        self._last[progress.function] = line
        return not progress.quiet and line != last


@contextmanager
def progress_reporter(*, as_json: bool) -> Iterator[Report]:
    """Yield a Report for the runner. With `as_json` it prints on standard error, since a program reads the answer."""
    console = Console(stderr=as_json, markup=False, highlight=False)
    if not console.is_terminal:
        kept = Kept()

        def log(progress: Progress) -> None:
            if kept.new(progress):
                console.print(progress.line(), soft_wrap=True)

        yield log
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def report(progress: Progress) -> None:
            if progress.repeated:
                live.update(Text(progress.line(), overflow="fold", style="bold cyan"))
            else:
                console.print(progress.line())

        yield report
