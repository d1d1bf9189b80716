"""Keeps a rehearsal's page beside its report, `.rehearsal/report.html`, however the rehearsal ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.release.reports.page.document import document
from infra.release.reports.page.model import Page
from rehearsal import files

BROKEN = "The rehearsal broke after what is below:"


class PageFile:
    """The page beside the report `file`, as a context manager: an error that ends the block is the page's last word.

    `so_far` returns the page as far as the rehearsal came; without it, what was written last counts. The page of an
    earlier rehearsal is deleted first, so that none is taken for this one's.
    """

    def __init__(self, file: Path, empty: Page) -> None:
        self.path = file.with_suffix(".html")
        self.so_far: Callable[[], Page] = lambda: self._last
        self._last = empty

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is not None:
            why = f"{problem}".strip() or kind.__name__
            self.write(replace(self.so_far(), problems=(), unfinished=f"{BROKEN} {why}"))

    def write(self, page: Page) -> None:
        """Write the page, whole or not at all, with the present time."""
        self._last = replace(page, made=f"Written on {datetime.now(UTC):%Y-%m-%d at %H:%M:%S} UTC.")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.write(document(self._last), self.path)
