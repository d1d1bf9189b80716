"""Draw a chart as SVG: requests above, errors below, by version, with a line for each mark. Pure.

A screen reader gets a sentence in place of the picture; the figures are in the table that `document` puts beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from infra.release.reports.page.model import Chart, Mark

WIDTH, LEFT, RIGHT = 760, 52, 10
TOP, HIGH, GAP, LOW, FOOT = 46, 110, 26, 70, 24
HEIGHT = TOP + HIGH + GAP + LOW + FOOT
ROWS = 3  # of the marks' words, so that two marks of one minute do not cover one another
NEAR = 110  # units: two marks closer than this take different rows
COLOURS = 4  # that the style has
TICKS = 8  # figures below the axis at most


def svg(chart: Chart) -> str:
    """Return the picture of a chart that has bars. Colours are the page's: class v0 is the first version, and so on."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(sentence(chart))}">'
        f"{''.join(_parts(chart))}</svg>"
    )


def sentence(chart: Chart) -> str:
    """Return what the picture shows, in words."""
    counts = "; ".join(
        f"version {each.version}: {sum(each.requests)} requests, {sum(each.errors)} errors" for each in chart.series
    )
    marks = "; ".join(f"minute {each.minute:.0f}: {each.text}" for each in chart.marks)
    return f"{chart.title}, {chart.bars * chart.step} minutes from {chart.start}. {counts}. {marks}".strip()


def _parts(chart: Chart) -> Iterator[str]:
    wide = (WIDTH - LEFT - RIGHT) / max(chart.bars, 1)
    requests, errors = TOP + HIGH, TOP + HIGH + GAP + LOW
    yield from _bars([each.requests for each in chart.series], wide, requests, HIGH, "requests")
    yield from _bars([each.errors for each in chart.series], wide, errors, LOW, "errors")
    for bar in range(0, chart.bars + 1, max(1, -(-chart.bars // TICKS))):
        x = LEFT + bar * wide
        yield f'<text class="tick" x="{x:.1f}" y="{errors + 16}" text-anchor="middle">{bar * chart.step}</text>'
    yield from _marks(chart, wide)


def _bars(versions: Sequence[Sequence[int]], wide: float, base: int, high: int, name: str) -> Iterator[str]:
    """Yield stacked bars above `base`, the axis with its highest figure, and the name of what is counted."""
    totals = [sum(each) for each in zip(*versions, strict=False)]
    most = max(totals, default=0) or 1
    for place in range(len(totals)):
        y = float(base)
        for index, counts in enumerate(versions):
            tall = counts[place] / most * high
            y -= tall
            if tall:
                x = LEFT + place * wide
                yield (
                    f'<rect class="v{index % COLOURS}" x="{x + wide * 0.08:.1f}" y="{y:.1f}" '
                    f'width="{wide * 0.84:.1f}" height="{tall:.1f}"/>'
                )
    yield f'<path class="axis" d="M{LEFT} {base - high}V{base}H{WIDTH - RIGHT}"/>'
    yield f'<text class="tick" x="{LEFT - 6}" y="{base - high + 4}" text-anchor="end">{max(totals, default=0)}</text>'
    yield f'<text class="tick" x="{LEFT - 6}" y="{base}" text-anchor="end">0</text>'
    yield f'<text class="name" x="{LEFT + 4}" y="{base - high - 4}">{name}</text>'


def _marks(chart: Chart, wide: float) -> Iterator[str]:
    ends = [-float(NEAR)] * ROWS  # where the last words of each row began
    for mark in sorted(chart.marks, key=lambda each: each.minute):
        x = LEFT + min(max(mark.minute / chart.step, 0.0), float(chart.bars)) * wide
        row = next((row for row in range(ROWS) if x - ends[row] >= NEAR), ROWS - 1)
        ends[row] = x
        yield from _mark(mark, x, 10 + 12 * row)


def _mark(mark: Mark, x: float, y: int) -> Iterator[str]:
    side = "end" if x > WIDTH - NEAR else "start"
    yield f'<path class="mark {mark.kind.value}" d="M{x:.1f} {y + 2}V{HEIGHT - FOOT}"/>'
    shift = -3 if side == "end" else 3
    yield f'<text class="mark" x="{x + shift:.1f}" y="{y}" text-anchor="{side}">{escape(mark.kind.value)}</text>'
