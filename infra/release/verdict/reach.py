"""Compute the smallest regression that a canary catches at each traffic, and show it in a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.release.verdict.power import Situation

TRAFFIC = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Requests per second that a picture shows, beside the function's own."""
CHANCE = 0.9
WIDTH = 50  # characters of a regression of 100 points


@dataclass(frozen=True)
class Point:
    """The smallest regression, as a share of requests, that is caught with CHANCE at this traffic; None: no one is."""

    rps: float
    smallest: float | None


def points(situation: Situation, traffic: Sequence[float] = TRAFFIC) -> tuple[Point, ...]:
    """Return a point for each traffic and for the situation's own, the least traffic first."""
    rates = sorted({*traffic, situation.rps})
    return tuple(Point(rps, replace(situation, rps=rps).smallest(CHANCE)) for rps in rates)


def lines(situation: Situation, found: Sequence[Point]) -> list[str]:
    """Return the picture for a terminal: a line for each traffic, the situation's own marked by an arrow."""
    head = f"{'requests/s':>12}  smallest regression caught {CHANCE * 10:g} times in 10, in points"
    return [head, *(_line(each, own=each.rps == situation.rps) for each in found)]


def _line(point: Point, *, own: bool) -> str:
    mark = "->" if own else "  "
    if point.smallest is None:
        return f"{mark}{point.rps:>10g}  {'none':>6}"
    bar = "#" * max(1, round(point.smallest * WIDTH))
    return f"{mark}{point.rps:>10g}  {f'+{point.smallest * 100:.1f}':>6} {bar}"
