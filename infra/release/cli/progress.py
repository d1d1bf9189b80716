"""Print a release's progress: one line for each new event, and on a terminal a last line that keeps changing."""

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
    """Yield a Report for the runner. With `as_json` it prints on standard error, since a program reads the answer."""
    console = Console(stderr=as_json, markup=False, highlight=False)
    if not console.is_terminal:
        last_lines: dict[str, str] = {}

        def log(progress: Progress) -> None:
            line = progress.line()
            if not progress.quiet and last_lines.get(progress.function) != line:
                console.print(line, soft_wrap=True)
            last_lines[progress.function] = line

        yield log
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def report(progress: Progress) -> None:
            if progress.repeated:
                live.update(Text(progress.line(), overflow="fold", style="bold cyan"))
            else:
                console.print(progress.line())

        yield report
