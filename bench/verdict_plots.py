"""Draws the plots of docs/verdict.md: the same figures give the same bytes, and colour is not needed to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from bench.verdict_bars import Figures
from bench.verdict_draws import DEFAULT
from bench.verdict_rules import FORMER, JUDGES, STRATA
from bench.verdict_tally import GRID, GRID_BASELINE, GRID_REGRESSIONS

LATE = 1
HARM_RPS, HARM_MINUTES = 10, 16
FLOOR = 0.001  # per cent: one run of 100,000; a rate of zero is drawn below it

# Colours of different lightness, after Okabe and Ito; line styles and labels repeat the distinction without colour.
STYLES: Mapping[str, tuple[str, Any]] = {
    STRATA: ("#0072B2", "-"),
    FORMER: ("#0072B2", (0, (1, 2))),
    "alias errors > 0, 2 x 60 s": ("#D55E00", (0, (1, 1))),
    "version errors > 0": ("#B8578F", (0, (5, 1))),
    "alias error rate > 5%": ("#7B3FA0", (0, (3, 1, 1, 1))),
    "version error rate > 5%": ("#8A6A00", (0, (6, 1, 1, 1))),
    "fixed z > 1.96": ("#000000", (0, (2, 1))),
    "Kayenta Mann-Whitney": ("#777777", (0, (4, 2))),
    "mSPRT 1%": ("#009E73", (0, (5, 1, 1, 1, 1, 1))),
    "count mixture 1%": ("#56743A", (0, (8, 2))),
}
SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "strata",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


def draw(figures: Figures, folder: Path) -> None:
    """Write traffic.svg and harm.svg into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(SETTINGS):
        for name, figure in (("traffic", _traffic(figures)), ("harm", _harm(figures))):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)


def _line(axes: Axes, rule: str, x: Sequence[float], y: Sequence[float]) -> None:
    colour, style = STYLES[rule]
    ours = rule == STRATA
    width, order = (2.8, 5) if ours else (1.4, 3)
    axes.plot(x, y, color=colour, linestyle="-" if ours else style, linewidth=width, zorder=order)


def _label(axes: Axes, ends: Mapping[str, float], gap: float) -> None:
    """Label each line at its right end, at least `gap` of the axes' height apart, with a leader to a moved label."""
    height = {rule: float(_fraction(axes, value)) for rule, value in ends.items()}
    order = sorted(height, key=lambda rule: (round(height[rule], 2), rule == STRATA))
    places = _spread([height[rule] for rule in order], gap)
    for rule, at in zip(order, places, strict=True):
        colour = STYLES[rule][0]
        elbow = [1.0, 1.01, 1.055, 1.065], [height[rule], height[rule], at, at]
        axes.plot(*elbow, color=colour, linewidth=0.7, transform=axes.transAxes, clip_on=False)
        weight = "bold" if rule == STRATA else "normal"
        axes.text(1.075, at, rule, color=colour, weight=weight, va="center", transform=axes.transAxes)


def _spread(heights: list[float], gap: float) -> list[float]:
    """Return the places nearest to `heights` (ascending) that are `gap` apart and within 0 to 1."""
    places = list(heights)
    for _ in range(200):
        for low in range(len(places) - 1):
            short = gap - (places[low + 1] - places[low])
            if short > 0:
                places[low] -= short / 2
                places[low + 1] += short / 2
        over, under = max(0.0, places[-1] - 1.0), max(0.0, -places[0])
        places[-1] -= over
        places[0] += under
    return places


def _fraction(axes: Axes, value: float) -> float:
    return float(axes.transAxes.inverted().transform(axes.transData.transform((axes.get_xlim()[1], value)))[1])


def _traffic(figures: Figures) -> Figure:
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
    shares = {
        (rule, regression): [
            100 * figures.at(GRID_BASELINE, rps, regression, LATE, rule=rule, world="grid").share for rps in GRID
        ]
        for rule in JUDGES
        for regression in GRID_REGRESSIONS
    }
    left.set_yscale("log")
    left.set_ylim(FLOOR / 2, 150)
    left.yaxis.set_major_locator(FixedLocator([FLOOR / 1.5, 0.01, 0.1, 1, 10, 100]))
    left.yaxis.set_minor_locator(NullLocator())
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "0" if value < FLOOR else f"{value:g}"))
    right.set_ylim(-3, 103)
    titles = ("Good releases rolled back, % (log scale)", "Regressions of +5 points caught, %")
    for axes, regression, title in zip((left, right), GRID_REGRESSIONS, titles, strict=True):
        axes.set_title(title)
        axes.set_xscale("log")
        axes.set_xlim(GRID[0], GRID[-1])
        axes.xaxis.set_major_locator(FixedLocator([0.3, 1, 3, 10, 30, 100, 200]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("requests per second to the alias (log scale)")
        drawn = {rule: [max(share, FLOOR / 1.5) for share in shares[rule, regression]] for rule in JUDGES}
        for rule, values in drawn.items():
            _line(axes, rule, GRID, values)
        _label(axes, {rule: values[-1] for rule, values in drawn.items()}, 0.06)
    figure.subplots_adjust(left=0.045, right=0.845, bottom=0.12, top=0.92, wspace=0.66)
    return figure


def _harmed(figures: Figures, rule: str | None, regression: float) -> NDArray[np.float64]:
    """Return the harmed users by minute, on average over all runs; with `rule` None nothing stops the release."""
    tally = figures.at(GRID_BASELINE, HARM_RPS, regression, LATE, rule=rule or STRATA)
    stopped = np.cumsum(tally.stops)[: DEFAULT.minutes] / tally.runs if rule else np.zeros(DEFAULT.minutes)
    share = np.ones(HARM_MINUTES)
    share[: DEFAULT.minutes] = DEFAULT.shares
    going = 1 - np.concatenate([stopped, np.full(HARM_MINUTES - DEFAULT.minutes, stopped[-1])])
    by_minute = 60 * HARM_RPS * regression * share * going
    return np.concatenate([[0.0], np.cumsum(by_minute)])


def _harm(figures: Figures) -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(12, 4.6))
    minutes = np.arange(HARM_MINUTES + 1, dtype=np.float64)
    for axes, regression in zip(panels, (0.05, 0.5), strict=True):
        drawn = {rule: _harmed(figures, rule, regression) for rule in JUDGES}
        never = _harmed(figures, None, regression)
        top = float(never[-1])
        axes.set_yscale("log")
        axes.set_ylim(0.8 * min(values[1] for values in drawn.values()), 1.6 * top)
        axes.yaxis.set_major_locator(FixedLocator([1, 3, 10, 30, 100, 300, 1000, 3000]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlim(1, HARM_MINUTES)
        axes.xaxis.set_major_locator(FixedLocator([1, *range(2, HARM_MINUTES + 1, 2)]))
        axes.set_title(f"Users harmed, {regression * 100:+g} points (log scale)")
        axes.set_xlabel("minutes since the canary began")
        axes.axvline(DEFAULT.minutes, color="#999999", linewidth=0.8)
        axes.text(DEFAULT.minutes, 1.15 * top, " all traffic shifts", color="#555555", fontsize=8, va="bottom")
        axes.plot(minutes[1:], never[1:], color="#bbbbbb", linewidth=5, zorder=2, solid_capstyle="butt")
        axes.text(DEFAULT.minutes - 0.3, never[9] * 1.12, "never stopped", color="#777777", ha="right", fontsize=8)
        for rule, values in drawn.items():
            _line(axes, rule, minutes[1:].tolist(), values[1:].tolist())
        _label(axes, {rule: float(values[-1]) for rule, values in drawn.items()}, 0.06)
    figure.subplots_adjust(left=0.045, right=0.845, bottom=0.12, top=0.92, wspace=0.66)
    return figure
