"""Write a page as one HTML file: no script, no address of anything else, light and dark, on paper too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from infra.release.reports.page.chart import COLOURS, svg
from infra.release.reports.page.model import MOST_BARS, Chart, Page, Section
from infra.release.reports.page.style import STYLE

GOOD = {True: "as expected", False: "not as expected"}
TOGETHER, FEWEST = 1600, 16
"""Bars of all charts together, and of one at least: a page of 50 charts then stays below a megabyte."""
BAD_OUTCOMES = {"rolled_back", "refused"}


def document(page: Page) -> str:
    """Return the file's text. Whatever the page says is text: no word of it becomes HTML."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(page.title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>"
    yield f"<header><h1>{escape(page.title)}</h1>\n<p>{escape(page.lead)}</p>"
    yield f'<p class="made">{escape(page.made)}</p></header>\n<main>'
    if page.unfinished:
        yield f'<p class="unfinished" role="note"><strong>Not the whole story.</strong> {escape(page.unfinished)}</p>'
    if page.problems:
        yield '<section aria-labelledby="problems"><h2 id="problems">Problems</h2>'
        yield f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in page.problems)}</ul></section>"
    if page.figures:
        yield f'<section aria-labelledby="figures"><h2 id="figures">Figures</h2>{_facts(page.figures)}</section>'
    if page.sections:
        yield from _overview(page.sections)
    most = min(MOST_BARS, max(FEWEST, TOGETHER // max(sum(1 for _ in page.charts()), 1)))
    for number, section in enumerate(page.sections, start=1):
        yield from _section(number, section, most)
    yield "</main>\n</body>\n</html>"


def _overview(sections: Sequence[Section]) -> Iterator[str]:
    """Yield the table of all sections, with a bar of their requests, and the figures beside it."""
    most = max((each.requests for each in sections), default=0) or 1
    yield '<section aria-labelledby="overview"><h2 id="overview">At a glance</h2>'
    yield '<div class="scroll" role="group" aria-label="Table of all releases" tabindex="0"><table>'
    yield _head(
        ("release", False), ("outcome", False), ("requests", True), ("harmed", True), ("beside the busiest", False)
    )
    for number, each in enumerate(sections, start=1):
        bar = _bar(each.requests / most, each.harmed / most)
        link = f'<a href="#s{number}">{escape(each.name)}</a>'
        yield (
            f'<tr><th scope="row">{link}</th><td>{_ending(each)}</td><td class="n">{each.requests}</td>'
            f'<td class="n">{each.harmed}</td><td>{bar}</td></tr>'
        )
    yield "</tbody></table></div></section>"


def _bar(share: float, harmed: float) -> str:
    """Return a bar of both shares, 0 - 1. It repeats the figures beside it, so a screen reader skips it."""
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="v0" width="{100 * share:.2f}" height="8"/>'
        f'<rect class="harm" width="{100 * min(harmed, share):.2f}" height="8"/></svg>'
    )


def _ending(section: Section) -> str:
    kind = "bad" if section.outcome in BAD_OUTCOMES else "fine"
    said = f'<span class="ending {kind}">{escape(section.ending or "not known")}</span>'
    return said if section.good is None else f"{said} {GOOD[section.good]}"


def _section(number: int, section: Section, most: int) -> Iterator[str]:
    yield f'<section class="release" aria-labelledby="s{number}">'
    yield f'<h2 id="s{number}">{number}. {escape(section.title)}</h2>'
    yield f"<p>{_ending(section)}</p>"
    if section.facts:
        yield _facts(section.facts)
    if section.detail:
        yield f'<p class="detail">{escape(section.detail)}</p>'
    for chart in section.charts:
        yield from _chart(chart.fitted(most))
    yield "</section>"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f"<dl>{rows}</dl>"


def _chart(chart: Chart) -> Iterator[str]:
    counted = f"{chart.requests} requests, {chart.errors} errors"
    yield f"<figure><figcaption><strong>{escape(chart.title)}</strong>, from {escape(chart.start)}: {counted}"
    yield "</figcaption>"
    if not chart.bars:
        yield "<p>CloudWatch has no counts of this time.</p></figure>"
        return
    yield svg(chart)
    yield f'<ul class="legend">{"".join(_legend(chart))}</ul>'
    if chart.marks:
        said = (f"<li>minute {each.minute:.1f}: {escape(each.text)}</li>" for each in chart.marks)
        yield f'<ul class="marks">{"".join(said)}</ul>'
    yield from _table(chart)
    yield "</figure>"


def _legend(chart: Chart) -> Iterator[str]:
    for index, each in enumerate(chart.series):
        counts = f"{sum(each.requests)} requests, {sum(each.errors)} errors"
        square = f'<rect class="v{index % COLOURS}" width="10" height="10"/>'
        key = f'<svg class="key" viewBox="0 0 10 10" aria-hidden="true">{square}</svg>'
        yield f"<li>{key} version {escape(each.version)}: {counts}</li>"


def _table(chart: Chart) -> Iterator[str]:
    """Yield the figures of the picture: a row for each bar in which something happened."""
    yield "<details><summary>Figures by minute</summary>"
    yield f'<div class="scroll" role="group" aria-label="Figures of {escape(chart.title)}" tabindex="0"><table>'
    names = [(f"version {each.version}, {what}", True) for each in chart.series for what in ("requests", "errors")]
    yield _head(("minute", True), *names)
    for place in range(chart.bars):
        counts = [
            values[place] if place < len(values) else 0
            for each in chart.series
            for values in (each.requests, each.errors)
        ]
        if any(counts):
            cells = "".join(f'<td class="n">{count}</td>' for count in counts)
            yield f'<tr><th scope="row" class="n">{place * chart.step}</th>{cells}</tr>'
    yield "</tbody></table></div></details>"


def _head(*names: tuple[str, bool]) -> str:
    """Return a table's head and the beginning of its body. A name with True is of a column of numbers."""
    cells = "".join(f'<th scope="col"{" class=n" if number else ""}>{escape(name)}</th>' for name, number in names)
    return f"<thead><tr>{cells}</tr></thead><tbody>"
