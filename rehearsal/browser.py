"""Opens a page in the Chromium of this machine, for tests and for the pictures of docs/captures.

https://playwright.dev/python/docs/api/class-browsertype#browser-type-launch
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from local.toolchain import chromium
from rehearsal.environment.processes import ProgramError

NONE = f"there is no {', '.join(chromium.NAMES)} on PATH; install Debian's package `chromium`, or Chrome"
LONGEST = 300_000.0  # milliseconds until a page shows something, on a machine that does other things too
HEIGHT = 900
LOOKS = {"light": (1100, "light"), "dark": (1100, "dark"), "narrow": (390, "light")}
"""How a page is drawn: the width of the window in pixels, and the reader's colour scheme."""


def found() -> str | None:
    """Return the path of the browser; None if there is none."""
    return chromium.installed()


@contextmanager
def opened() -> Iterator[Browser]:
    """Run the browser while the block runs. Raises ProgramError if there is none."""
    if (program := found()) is None:
        raise ProgramError(NONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, timeout=LONGEST)
        try:
            yield browser
        finally:
            browser.close()


def look(browser: Browser, url: str, shown: str, look: str = "light") -> Page:
    """Return the page once an element `shown` (a CSS selector) is visible. look: a name of LOOKS."""
    width, scheme = LOOKS[look]
    page = browser.new_page(
        viewport={"width": width, "height": HEIGHT}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page.set_default_timeout(LONGEST)
    page.goto(url, wait_until="domcontentloaded")
    page.locator(shown).first.wait_for(state="visible")
    return page


def draw(browser: Browser, url: str, name: str, folder: Path, *, shown: str) -> None:
    """Write NAME-light.png, NAME-dark.png and NAME-narrow.png, each the upper part of the page, once it has `shown`."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in LOOKS:
        page = look(browser, url, shown, each)
        page.screenshot(path=folder / f"{name}-{each}.png", animations="disabled")
        page.close()


def draw_part(browser: Browser, url: str, file: Path, part: str) -> None:
    """Write one element of the page, given by a CSS selector."""
    page = look(browser, url, part)
    page.locator(part).first.screenshot(path=file, animations="disabled")
    page.close()
