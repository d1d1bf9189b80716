"""Prints a rehearsal: short headings, what happens next and why, Pulumi's output, and the result of each step.

On a terminal one line at the bottom shows the live traffic; elsewhere it is printed every few seconds as a plain line.
"""

import re
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from infra import console as terminal

PLAIN_EVERY = 5.0  # seconds between status lines if there is no terminal
PROGRESS_EVERY = 1.0  # seconds between the canary lines that are shown: the release prints several a second
WIDTH = 100

# Pulumi's row of the release, with the release's own words: ` ~  TYPE NAME updating (3s) [diff: ~targets]; WORDS`,
# ` +  TYPE NAME creating (3s) WORDS`
SAID = re.compile(
    r"strata:release:Release \S+ [^\[(]*(?:\((?P<after>[\d.]+s)\) )?"
    r"(?:\[diff: [^]]*\]; |(?<=\) )|(?<=  ))(?!\[)(?P<words>\S.*)"
)


class Narrator:
    """Prints a rehearsal on `console`."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._chapters = 0
        self._section = ""
        self._last_words = ""
        self._last_progress = 0.0

    def chapter(self, title: str, why: str) -> None:
        """Print a numbered heading, and what happens next."""
        self._chapters += 1
        self.gap()
        self.console.print(Text(f"{self._chapters}. {title}", style="bold"))
        self.say(why)

    def gap(self) -> None:
        """Print an empty line."""
        self.console.print()

    def say(self, text: str) -> None:
        """Print a paragraph."""
        for line in _paragraph(text, min(WIDTH, self.console.width)):
            self._print(Text(line))

    def command(self, text: str) -> None:
        """Print a command as it is typed."""
        self._print(Text(f"  $ {text}", style="cyan"))

    def output(self, line: str) -> None:
        """Print a line of Pulumi's. The release's own words are printed once each, and errors are red; dots, the
        stack's outputs and what the diagnostics repeat are left out."""
        if line and not line.startswith((" ", "@")):
            self._section = line.partition(":")[0]
        repeated = self._section == "Outputs" or (self._section == "Diagnostics" and "error:" not in line)
        if not line.strip() or repeated or line.startswith("@"):
            return
        if (said := SAID.search(line)) is not None:
            self._release(said["after"] or "", said["words"])
        elif self._section == "Diagnostics" or "error:" not in line:  # a row's error comes again in the diagnostics
            self._print(Text(f"    {line}", style="red" if "error:" in line else "dim"))

    def _release(self, after: str, words: str) -> None:
        """Print what the release says, `after` so many seconds; of its canary lines at most one a second."""
        is_progress = ": canary: " in words
        if words == self._last_words or words.startswith("error:"):
            return
        if is_progress and time.monotonic() - self._last_progress < PROGRESS_EVERY:
            return
        self._last_words = words
        self._last_progress = time.monotonic() if is_progress else 0.0
        self._print(Text(f"    {after:>6}  {words}"))

    def result(self, text: str, good: bool) -> None:
        """Print the result of a step."""
        self._print(Text(f"  {text}", style="green" if good else "red"))

    def show(self, what: RenderableType) -> None:
        """Print anything that rich can draw; print a paragraph for each row of a table that is too wide."""
        self.console.print(terminal.fitted(what, self.console) if isinstance(what, Table) else what)

    def verdict(self, problems: Sequence[str], seconds: float, file: Path) -> int:
        """Print each problem and the closing line; return the exit code: 0 if there is no problem, else 1."""
        self.gap()
        for problem in problems:
            self.result(problem, good=False)
        if problems:
            self.result(
                f"FAILED: {len(problems)} problem{'s' * (len(problems) > 1)}. The report is in {file}.", good=False
            )
            return 1
        self.result(f"All as expected, in {seconds:.0f} s. The report is in {file}.", good=True)
        return 0

    @contextmanager
    def watching(self, status: Callable[[], str] | None) -> Iterator[None]:
        """Show `status()`, if there is one, as it changes, until the block ends."""
        if status is None:
            yield
        elif self.console.is_terminal and not self.console.is_dumb_terminal:
            with Live(
                get_renderable=lambda: Text(f"  {status()}", style="bold cyan", no_wrap=True, overflow="ellipsis"),
                console=self.console,
                refresh_per_second=4,
                transient=True,
            ):
                yield
        else:
            with self._repeating(status):
                yield

    @contextmanager
    def _repeating(self, status: Callable[[], str]) -> Iterator[None]:
        over = threading.Event()

        def repeat() -> None:
            while not over.wait(PLAIN_EVERY):
                self._print(Text(f"  [{status()}]"))

        printer = threading.Thread(target=repeat, name="status", daemon=True)
        printer.start()
        try:
            yield
        finally:
            over.set()
            printer.join()

    def _print(self, text: Text) -> None:
        # The terminal wraps a line that is longer than it is, so that a copy of the line is one line.
        self.console.print(text, soft_wrap=True)


def _paragraph(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns. A path or a command is longer rather than broken, so that it can be copied."""
    return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)
