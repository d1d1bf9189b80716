"""The viewer's page shows the snapshot's own numbers, to everybody, and bears what happens to its server."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.release.reports.snapshot import OrdersShown
from infra.release.viewer.assets import assets
from infra.release.viewer.server import Viewer
from rehearsal.browser import LONGEST, LOOKS, look
from tests.browser.conftest import Violations
from tests.unit.viewed import CANARY, ORDERS, SNAPSHOT, STABLE, FakeReader, served

SHOWN = ".function canvas"
expect.set_options(timeout=LONGEST)


@pytest.fixture(scope="module")
def server() -> Iterator[Viewer]:
    with served(FakeReader(SNAPSHOT), dict(assets())) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Viewer) -> Iterator[Page]:
    found = look(browser, server.url, SHOWN)
    yield found
    found.close()


def test_the_page_shows_the_numbers_of_the_snapshot(page: Page) -> None:
    orders = page.locator("section.function").first
    expect(orders.locator("h2")).to_have_text(ORDERS.name)
    shares = orders.locator(".legend li").all_inner_texts()
    assert shares == ["version 7: 90.0 %, 1 errors in 688 requests", "version 8: 10.0 %, 7 errors in 78 requests"]
    requests, errors, statistic = (orders.locator("figure > div").nth(place) for place in range(3))
    for figure, counts in ((requests, "requests"), (errors, "errors")):
        for series in (STABLE, CANARY):
            expected = f"version {series.version}: {sum(getattr(series, counts))}"
            assert expected in (figure.get_attribute("aria-label") or "")
    assert "z: 5.21 limit: 2.88" in (statistic.get_attribute("aria-label") or "")
    expect(orders.locator("p.bad")).to_contain_text("2 of 10 minutes left. z 5.21 (limit 2.88): relative rule fired.")


def test_the_statistic_is_said_once(browser: Browser) -> None:
    lately = replace(ORDERS, text="8/10 min · v8 10%: 7/78 errors · v7 90%: 1/688 · z 5.21 (limit 2.88)")
    with served(FakeReader(replace(SNAPSHOT, functions=(lately,))), dict(assets())) as server:
        page = look(browser, server.url, SHOWN)
        said = f"2 of 10 minutes left. {lately.text}: relative rule fired."
        expect(page.locator("p.bad")).to_contain_text(said)
        page.close()


def test_a_function_with_a_deployment_in_flight_is_at_the_top(browser: Browser) -> None:
    quiet = replace(ORDERS, name="strata-prod-fulfilment", deployment="")
    with served(FakeReader(replace(SNAPSHOT, functions=(quiet, ORDERS))), dict(assets())) as server:
        page = look(browser, server.url, SHOWN)
        assert page.locator("section.function h2").all_inner_texts() == [ORDERS.name, quiet.name]
        page.close()


def test_hooks_alarms_and_the_ledger_are_there(page: Page) -> None:
    orders = page.locator("section.function").first
    for name, rows in (("Phases and hooks", ORDERS.phases), ("Alarms", ORDERS.alarms), ("Ledger", ORDERS.ledger)):
        expect(orders.get_by_role("group", name=name).locator("tbody tr")).to_have_count(len(rows))
    expect(orders.get_by_role("group", name="Alarms")).to_contain_text("Threshold Crossed")


def test_the_last_orders_are_there_with_their_states_and_times(page: Page) -> None:
    orders = page.get_by_role("region", name="Last orders")
    expect(orders).to_contain_text("The newest of those that were read; the table has more.")
    rows = orders.get_by_role("group", name="Last orders").locator("tbody tr")
    expect(rows).to_have_count(2)
    assert rows.nth(0).locator("td").all_inner_texts()[1::2] == ["placed", ""]
    assert rows.nth(1).locator("td").all_inner_texts()[:2] == ["ord_0000000000000000000000000000000a", "fulfilled"]


def test_orders_that_may_not_be_read_are_said_and_those_of_no_table_are_not_shown(browser: Browser) -> None:
    for orders, shown in ((OrdersShown(problem="AWS denies dynamodb Scan"), True), (None, False)):
        with served(FakeReader(replace(SNAPSHOT, orders=orders)), dict(assets())) as server:
            page = look(browser, server.url, SHOWN)
            assert page.locator("#orders").is_visible() is shown
            if shown:
                expect(page.locator("#orders")).to_contain_text("They cannot be read: AWS denies dynamodb Scan")
            page.close()


@pytest.mark.parametrize("how", list(LOOKS))
def test_axe_finds_no_violation(browser: Browser, server: Viewer, violations: Violations, how: str) -> None:
    page = look(browser, server.url, SHOWN, how)
    assert violations(page) == []
    page.close()


def test_a_narrow_page_is_not_wider_than_its_window(browser: Browser, server: Viewer) -> None:
    page = look(browser, server.url, SHOWN, "narrow")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_all_of_it_is_reached_by_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert {"Phases and hooks", "Alarms", "Ledger", "Last orders"} <= reached


def test_what_aws_said_is_text_and_no_html(browser: Browser) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    evil = replace(ORDERS, text=nasty, notes=((nasty, nasty),), ledger=(replace(ORDERS.ledger[0], why=nasty),))
    with served(FakeReader(replace(SNAPSHOT, functions=(evil,))), dict(assets())) as server:
        page = look(browser, server.url, SHOWN)
        assert page.locator("main img").count() == 0
        expect(page.locator("main")).to_contain_text(nasty)
        page.close()


def test_a_cloud_that_goes_and_comes_back_is_said_and_unsaid(browser: Browser) -> None:
    gone = replace(SNAPSHOT, problem="AWS does not answer")
    reader = FakeReader(gone)
    with served(reader, dict(assets())) as server:
        page = look(browser, server.url, SHOWN)
        expect(page.get_by_role("alert")).to_contain_text("AWS does not answer")
        expect(page.locator("section.function")).to_have_count(2)
        reader.found = [SNAPSHOT]
        expect(page.get_by_role("alert")).to_be_hidden()
        page.close()


def test_a_page_that_is_left_open_does_not_grow(browser: Browser) -> None:
    """Hundreds of snapshots, as a night brings thousands: neither elements nor canvases become more."""
    reader = FakeReader(SNAPSHOT)
    with served(reader, dict(assets())) as server:
        page = look(browser, server.url, SHOWN)
        before = page.evaluate("document.querySelectorAll('*').length")
        begun = reader.asked
        while reader.asked < begun + 200:
            page.wait_for_timeout(100)
        assert page.evaluate("document.querySelectorAll('*').length") == before
        assert page.locator("canvas").count() == 5
        page.close()
