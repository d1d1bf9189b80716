"""The page of a rehearsal, from a file: its figures are the report's, everybody can read it, and it fits on paper."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rehearsal.browser import LONGEST, LOOKS, look
from rehearsal.page_file import PageFile
from rehearsal.release.page import EMPTY
from rehearsal.release.page import page as page_of
from tests.browser.conftest import Violations
from tests.unit.test_rehearsal_report import WELL
from tests.unit.test_release_page import CHART

expect.set_options(timeout=LONGEST)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = PageFile(tmp_path_factory.mktemp("report") / "report.json", EMPTY)
    file.write(page_of(replace(WELL, charts={"good": (CHART, replace(CHART, title="fulfilment")), "bad": (CHART,)})))
    return file.path.as_uri()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    found = look(browser, url, "figure svg")
    yield found
    found.close()


def test_the_table_has_the_numbers_of_the_report(page: Page) -> None:
    rows = page.locator("section[aria-labelledby=overview] tbody tr").all()
    found = [[cell.inner_text() for cell in row.locator("th, td.n").all()] for row in rows]
    expected = [[each.name, str(each.requests), str(each.harmed_requests)] for each in WELL.releases]
    assert found[: len(expected)] == expected


def test_a_picture_is_as_high_as_its_counts(page: Page) -> None:
    """The bars of one minute, measured in the browser, are in the ratio of their counts."""
    bars = page.locator("figure").first.locator("svg[role=img] rect")
    high = [float(bars.nth(place).get_attribute("height") or 0) for place in range(5)]
    assert [round(each / high[1] * 9) for each in high] == [5, 9, 1, 8, 1], (
        "of both versions: 5, then 9 and 1, then 8 and 1"
    )


@pytest.mark.parametrize("how", list(LOOKS))
def test_axe_finds_no_violation(browser: Browser, url: str, violations: Violations, how: str) -> None:
    page = look(browser, url, "figure svg", how)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_it_is_printed_whole(page: Page, tmp_path: Path) -> None:
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
