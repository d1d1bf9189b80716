"""A page of releases stands alone, shows each figure, and takes whatever it is given as text."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from infra.release.model.lifecycle import SHIFT, LifecycleEvent
from infra.release.model.observation import Status
from infra.release.model.tags import Tags
from infra.release.reports import story
from infra.release.reports.history import attempts, keys, named
from infra.release.reports.page.chart import sentence, svg
from infra.release.reports.page.document import document
from infra.release.reports.page.model import Chart, Kind, Mark, Page, Section, Series
from infra.release.reports.timeline import Counted, Moves, series
from rehearsal.page_file import PageFile
from rehearsal.promotion.page import page as promotion_page
from rehearsal.promotion.report import Promoted, Refused
from rehearsal.promotion.report import Report as Promotion
from rehearsal.release.page import EMPTY, RUNNING, page
from tests.unit.test_rehearsal_report import BAD, GOOD, WELL, with_release
from tests.unit.test_release_history import ORDERS, at, deployment

LARGEST = 1_000_000  # bytes
CHART = Chart(
    "orders",
    "10:00 UTC",
    (Series("1", (5, 9, 8), (0, 0, 1)), Series("2", (0, 1, 1), (0, 1, 0))),
    (Mark(1.0, Kind.SHIFT, "version 2 began to get traffic"), Mark(2.5, Kind.ALARM, "an alarm stopped it")),
)
SECTION = Section("bad", "bad", "rolled_back", "verdict", True, (("exit code", "255"),), "why", 24, 2, (CHART,))
PAGE = Page("Title", "Lead.", "Written now.", (SECTION,), (("orders lost", "0"),))


class Reader(HTMLParser):
    """Collects a page's tags, its addresses and the text of its cells; fails where tags do not pair."""

    EMPTY = ("meta", "rect", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action", "xlink:href"}]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def test_a_page_runs_nothing_and_asks_no_other_machine() -> None:
    read = Reader(document(PAGE))
    assert "script" not in read.tags
    assert read.addresses == ["#s1"]
    assert "url(" not in document(PAGE)
    assert "@import" not in document(PAGE)


def test_a_page_has_the_figures_beside_its_bars() -> None:
    text = document(PAGE)
    assert '<td class="n">24</td><td class="n">2</td>' in text
    assert "24 requests, 2 errors" in text
    assert "version 2: 2 requests, 1 errors" in text
    assert "minute 2.5: an alarm stopped it" in text


def test_no_word_that_a_page_is_given_becomes_html() -> None:
    nasty = "<script>alert(1)</script>&\"'>"
    marks = (Mark(0.0, Kind.STOP, nasty),)
    chart = replace(CHART, title=nasty, start=nasty, marks=marks, series=(Series(nasty, (1,), (0,)),))
    section = Section(nasty, nasty, nasty, nasty, False, ((nasty, nasty),), nasty, 1, 0, (chart,))
    text = document(Page(nasty, nasty, nasty, (section,), ((nasty, nasty),), (nasty,), nasty))
    assert "<script" not in text
    assert set(Reader(text).tags).isdisjoint({"script", "img", "iframe"})


def test_a_picture_has_a_bar_for_each_count_and_a_line_for_each_mark() -> None:
    drawn = ElementTree.fromstring(svg(CHART))  # noqa: S314  our own picture
    bars = [each.get("class") for each in drawn.iter("rect")]
    assert bars.count("v0") == 4, "three minutes with requests of version 1, and one with an error"
    assert bars.count("v1") == 3
    lines = [each.get("class") or "" for each in drawn.iter("path")]
    assert [each for each in lines if each.startswith("mark")] == ["mark shift", "mark alarm"]


def test_a_screen_reader_gets_the_picture_in_a_sentence() -> None:
    assert sentence(CHART) == (
        "orders, 3 minutes from 10:00 UTC. version 1: 22 requests, 1 errors; version 2: 2 requests, 1 errors. "
        "minute 1: version 2 began to get traffic; minute 2: an alarm stopped it"
    )


@pytest.mark.parametrize("minutes", [90, 91, 480, 1440])
def test_a_long_time_is_drawn_in_fewer_bars_and_loses_no_request(minutes: int) -> None:
    long = Chart("orders", "now", (Series("1", tuple(range(minutes)), (1,) * minutes),))
    fitted = long.fitted()
    assert fitted.bars <= 90
    assert fitted.bars * fitted.step >= minutes
    assert (fitted.requests, fitted.errors) == (long.requests, minutes)


def test_a_story_of_many_long_releases_stays_below_a_megabyte() -> None:
    busy = Series("1", (123_456,) * 1440, (1234,) * 1440)
    chart = Chart("orders", "now", (busy, replace(busy, version="2")), CHART.marks)
    many = Page("Title", "Lead.", "", tuple(replace(SECTION, charts=(chart,)) for _ in range(50)))
    assert len(document(many).encode()) < LARGEST


# Whose requests they were


MOVED = Moves("1", "2", created=0.0, shifting=1.0, shifted=4.0, ended=4.0)


def test_what_no_version_counted_is_of_the_one_with_the_traffic_and_nothing_is_lost() -> None:
    alias = Counted({0: 10, 1: 10, 2: 10, 5: 10}, {2: 2, 5: 1})
    versions = {"1": Counted({1: 9, 2: 9}, {2: 1}), "2": Counted({1: 1, 2: 1}, {2: 1})}
    assert series(alias, versions, MOVED, 6) == (
        Series("1", (10, 9, 9, 0, 0, 0), (0, 0, 1, 0, 0, 0)),
        Series("2", (0, 1, 1, 0, 0, 10), (0, 0, 1, 0, 0, 1)),
    )


def test_after_a_rollback_the_traffic_is_stables_again() -> None:
    late = replace(MOVED, failed=True, error="ALARM_ACTIVE", ended=5.0, back=6.0)
    assert [late.whole_on(minute) for minute in (3.9, 4.5, 5.9, 6.5)] == ["1", "2", "2", "1"]
    assert [each.kind for each in late.marks()] == [Kind.START, Kind.SHIFT, Kind.WHOLE, Kind.ALARM, Kind.ROLLBACK]


def test_without_a_deployment_all_is_of_the_live_version() -> None:
    assert series(Counted({0: 3}), {}, None, 2, only="7") == (Series("7", (3, 0), (0, 0)),)


# The story of a stack


def test_a_story_marks_what_the_records_and_the_lifecycle_say() -> None:
    alarm = ORDERS.verdict_alarm("1", "2", at(0))
    bad = deployment(
        "d-1", 0, "b", status=Status.STOPPED, error="ALARM_ACTIVE", ended=at(4), alarms=(alarm,), rollback="d-2"
    )
    back = replace(deployment("d-2", 4, "a", ended=at(5), rolls_back="d-1"), entry=None)
    [attempt] = named(attempts(ORDERS, [back, bad], Tags(), lambda real: real), {"d-1": ("1", "2")})
    start, end = story.window(attempt, at(60))
    assert (start, end) == (at(-5), at(10))
    events = [LifecycleEvent(SHIFT, "Failed", at(1), at(4))]
    moved = story.moves(attempt, {each.id: each for each in (bad, back)}, events, start)
    assert moved is not None
    assert [(each.minute, each.kind) for each in moved.marks()] == [
        (5, Kind.START), (6, Kind.SHIFT), (9, Kind.ALARM), (10, Kind.ROLLBACK),
    ]  # fmt: skip
    drawn = story.chart(attempt, {"": Counted({6: 20}, {7: 2}), "2": Counted({6: 2}, {7: 2})}, moved, (start, 15, 1))
    assert (drawn.requests, drawn.errors) == (20, 2)
    section = story.section(attempt, drawn, lambda at: at)
    assert (section.ending, section.requests, section.harmed) == ("rolled back (verdict)", 20, 2)
    made = story.page("prod", {"orders": "1"}, [section], keys([attempt], 30, at(60), lambda _: None), at(60))
    assert "orders is on 1. The last releases follow" in document(made)


def test_a_release_in_flight_is_shown_until_now() -> None:
    running = deployment("d-1", 0, "b", status=Status.IN_PROGRESS, ended=None)
    [attempt] = attempts(ORDERS, [running], Tags(), lambda real: real)
    assert story.window(attempt, at(3)) == (at(-5), at(3))


# The page of a rehearsal


def test_a_rehearsals_page_has_a_section_for_each_step_with_the_reports_own_figures() -> None:
    text = document(page(replace(WELL, charts={"bad": (CHART,)})))
    for each in WELL.releases:
        assert f'<td class="n">{each.requests}</td><td class="n">{each.harmed_requests}</td>' in text
    assert text.count("<figure>") == 1
    assert "not as expected" not in text
    assert "Not the whole story" not in text


def test_a_step_that_did_not_end_as_expected_is_named_and_so_is_the_problem() -> None:
    text = document(page(with_release(replace(BAD, outcome="promoted"))))
    assert "not as expected" in text
    assert "bad: ended promoted (verdict), not rolled_back (verdict)" in text


def test_a_rehearsal_that_breaks_leaves_a_page_that_shows_how_far_it_came(tmp_path: Path) -> None:
    def broken() -> None:
        with PageFile(tmp_path / "report.json", EMPTY) as file:
            file.write(page(replace(WELL, seconds=0.0, releases=(GOOD,)), RUNNING))
            raise RuntimeError("the cloud ended: <out of memory>")

    with pytest.raises(RuntimeError):
        broken()
    text = (tmp_path / "report.html").read_text()
    assert "The rehearsal broke after what is below: the cloud ended: &lt;out of memory&gt;" in text
    assert re.findall(r'<h2 id="s\d+">(.*?)</h2>', text)[0] == "1. good"
    assert "never happened" not in text


def test_the_page_of_an_earlier_rehearsal_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    with PageFile(tmp_path / "report.json", EMPTY):
        assert not (tmp_path / "report.html").exists()


def test_the_time_of_a_page_is_now(tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    with PageFile(tmp_path / "report.json", EMPTY) as file:
        file.write(page(WELL))
    found = re.search(r"Written on (\S+) at (\S+) UTC", (tmp_path / "report.html").read_text())
    assert found
    assert datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00") >= before.replace(microsecond=0)


def test_a_pipelines_page_shows_what_was_promoted_and_what_was_refused_and_why() -> None:
    refused = (Refused("older", "older", "is older than", (), 1),)
    text = document(promotion_page(Promotion(9.0, (Promoted("dev", "abc=", "d-1", "promoted"),), (), refused)))
    for part in ("dev", "abc=", "refused (older)", "is older than", "promoted: dev, not dev, staging, prod"):
        assert part in text
