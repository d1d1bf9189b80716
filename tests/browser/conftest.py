"""A real Chromium. Without one these tests are skipped, and the reason is in pytest's summary."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from infra.release.viewer.assets import PAGE
from rehearsal import browser as chromium

AXE = PAGE / "node_modules/axe-core/axe.min.js"

Violations = Callable[[Page], list[str]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Playwright's own event loop runs in this thread until the end, so no other module's test may meet it."""
    if chromium.found() is None:
        pytest.skip(chromium.NONE)
    with chromium.opened() as running:
        yield running


@pytest.fixture(scope="session")
def violations() -> Violations:
    """Returns what axe-core finds wrong with a page. https://github.com/dequelabs/axe-core"""
    script = Path(AXE).read_text(encoding="utf-8")

    def found(page: Page) -> list[str]:
        page.evaluate(script)
        result: dict[str, Any] = page.evaluate("axe.run()")
        assert len(result["passes"]) > 10, "hardly a rule was applied"
        return [f"{each['id']}: {node['html']}" for each in result["violations"] for node in each["nodes"]]

    return found
