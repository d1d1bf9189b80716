"""The bars that the verdict must meet, each with the measured figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot
from statistics import median

from bench.verdict_draws import BASELINES, DEFAULT, LATENESS, TRAFFIC, regressions
from bench.verdict_limit import most_caught
from bench.verdict_rules import FORMER, RIVALS, STRATA
from bench.verdict_runner import BEHIND
from bench.verdict_tally import FORGIVEN, Key, Tallies, Tally
from infra.release.verdict.power import Situation

BUSY = tuple(rps for rps in TRAFFIC if rps >= 10)
SIGMAS = 3.0
LATE = 1
"""Extra minutes in bars and tables that show only one lateness."""


@dataclass(frozen=True)
class Bar:
    """One requirement. place: the cell in which the figure is worst."""

    what: str
    figure: str
    met: bool
    place: str = ""


@dataclass(frozen=True)
class Figures:
    """Reads the tallies, by default those of the default curve."""

    tallies: Tallies

    def at(
        self,
        baseline: float,
        rps: float,
        regression: float,
        extra_minutes: int,
        *,
        rule: str = STRATA,
        world: str | None = None,
        curve: str = DEFAULT.name,
    ) -> Tally:
        return self.tallies[Key(world, rule, curve, extra_minutes, baseline, float(rps), regression)]


def cells(
    baselines: tuple[float, ...] = BASELINES, traffic: tuple[float, ...] = TRAFFIC
) -> Iterator[tuple[float, float, int]]:
    """Yield each combination of baseline, requests per second and extra minutes."""
    return ((baseline, rps, extra) for baseline in baselines for rps in traffic for extra in LATENESS)


def place(baseline: float, rps: float, extra: int) -> str:
    return f"{baseline * 100:g} % errors, {rps:g}/s, {extra} min late"


def percent(share: float) -> str:
    """Return a share in per cent with enough digits for its size; 100 % or 0 % only if it is exactly that."""
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    if share >= 0.9999:
        return "> 99.99 %"
    digits = 3 if share < 0.001 else 2 if share < 0.1 or share > 0.99 else 1
    return f"{share * 100:.{digits}f} %"


def bars(figures: Figures) -> tuple[Bar, ...]:
    at = figures.at
    return (
        _most("good releases rolled back", 0.0053, {place(*cell): at(*cell[:2], 0.0, cell[2]) for cell in cells()}),
        _most(
            "the same where a runner watches, its alarm late or silent",
            0.006,
            {f"{rule}, {place(*cell)}": at(*cell[:2], 0.0, cell[2], rule=rule) for rule in BEHIND for cell in cells()},
        ),
        _least(
            "+5 points caught before the shift, from 10/s on, baseline up to 1 %",
            0.99,
            {place(*cell): at(*cell[:2], 0.05, cell[2]) for cell in cells(BASELINES[:3], BUSY)},
        ),
        _least(
            "+50 points caught, from 1/s on",
            0.999,
            {place(*cell): at(*cell[:2], 0.5, cell[2]) for cell in cells(traffic=TRAFFIC[1:])},
        ),
        _by_baseline(figures, 0.05, 1, (0.41, 0.39, 0.22, 0.07)),
        _by_baseline(figures, 0.02, 3, (0.53, 0.45, 0.15, 0.04)),
        _by_baseline(figures, 0.2, 0.3, (0.53, 0.53, 0.47, 0.37)),
        _harm(figures),
        _no_loss(figures),
        _unbeaten(figures),
        _near_the_limit(figures),
        _world(figures, "before", 0.011),
        _world(figures, "fault of both", 0.01),
        _world(figures, "bursts of both", 0.01),
        _most(
            "world cold start, forgiven 3, from 10/s on: good releases rolled back",
            0.01,
            {
                place(*cell): at(*cell[:2], 0.0, cell[2], rule=FORGIVEN, world="cold start")
                for cell in cells(traffic=BUSY)
            },
        ),
        _power(figures),
    )


def _most(what: str, bound: float, tallies: dict[str, Tally]) -> Bar:
    where = max(tallies, key=lambda name: tallies[name].share)
    share = tallies[where].share
    return Bar(f"{what}: <= {bound * 100:g} %", percent(share), share <= bound, where)


def _least(what: str, bound: float, tallies: dict[str, Tally]) -> Bar:
    where = min(tallies, key=lambda name: tallies[name].share)
    share = tallies[where].share
    return Bar(f"{what}: >= {bound * 100:g} %", percent(share), share >= bound, where)


def _by_baseline(figures: Figures, regression: float, rps: float, bounds: tuple[float, ...]) -> Bar:
    """Return the bar on a regression at one traffic and LATE, with a bound for each baseline."""
    shares = [figures.at(baseline, rps, regression, LATE).share for baseline in BASELINES]
    margins = [share - bound for share, bound in zip(shares, bounds, strict=True)]
    asked, found = (
        " / ".join(percent(each).removesuffix(" %") for each in shares_) + " %" for shares_ in (bounds, shares)
    )
    where = place(BASELINES[margins.index(min(margins))], rps, LATE)
    what = f"+{regression * 100:g} points caught at {rps:g}/s, by baseline: >= {asked}"
    return Bar(what, found, min(margins) >= 0, where)


def _no_loss(figures: Figures) -> Bar:
    """Return the bar on detection beside the rule of earlier releases, in points."""
    lost = {
        f"+{regression * 100:g} points, {place(*cell)}": figures.at(*cell[:2], regression, cell[2], rule=FORMER).share
        - figures.at(*cell[:2], regression, cell[2]).share
        for cell in cells()
        for regression in regressions(cell[0])[1:]
    }
    where = max(lost, key=lambda name: lost[name])
    points = lost[where] * 100
    return Bar(f"caught less than by {FORMER}, in points: <= 1", f"{points:.2f}", points <= 1, where)


def limit(figures: Figures, baseline: float, rps: float, regression: float, extra_minutes: int) -> float:
    """Return what the optimal test catches at the same share of good releases rolled back.

    The share is taken with SIGMAS standard errors more, since a rare one is counted inexactly.
    """
    good = figures.at(baseline, rps, 0.0, extra_minutes)
    requests = rps * 60 * DEFAULT.shares[0] * DEFAULT.most_seen(extra_minutes)
    return most_caught(requests, baseline, regression, good.share + SIGMAS * good.error)


def distances(figures: Figures) -> dict[str, float]:
    """Return by how much the optimal test catches more, in points, for every cell and regression."""
    return {
        f"+{regression * 100:g} points, {place(*cell)}": 100
        * (limit(figures, cell[0], cell[1], regression, cell[2]) - figures.at(*cell[:2], regression, cell[2]).share)
        for cell in cells()
        for regression in regressions(cell[0])[1:]
    }


def _near_the_limit(figures: Figures) -> Bar:
    every = distances(figures)
    half, where = median(every.values()), max(every, key=lambda name: every[name])
    what = "points below the optimal test, median of all cells and regressions: <= 5"
    return Bar(what, f"{half:.1f}", half <= 5, f"{every[where]:.1f} at most: {where}")


def _world(figures: Figures, world: str, bound: float) -> Bar:
    tallies = {place(*cell): figures.at(*cell[:2], 0.0, cell[2], world=world) for cell in cells()}
    return _most(f"world {world}: good releases rolled back", bound, tallies)


def _harm(figures: Figures) -> Bar:
    ratios = {
        place(*cell): figures.at(*cell[:2], 0.5, cell[2]).harm_ratio or float("inf") for cell in cells(traffic=BUSY)
    }
    where = max(ratios, key=lambda name: ratios[name])
    return Bar("harm ratio of +50 points, from 10/s on: <= 1.05", f"{ratios[where]:.3f}", ratios[where] <= 1.05, where)


@dataclass(frozen=True)
class Duel:
    """A rival compared with the shipped rule in one cell and regression, in standard errors of the difference."""

    rival: str
    baseline: float
    rps: float
    extra_minutes: int
    regression: float
    false: tuple[float, float]
    caught: tuple[float, float]
    fewer_false: float
    more_caught: float


def duels(figures: Figures) -> Iterator[Duel]:
    """Yield every rival in every cell and regression of the default curve."""
    for baseline, rps, extra in cells():
        for rival in RIVALS:
            good, other_good = (figures.at(baseline, rps, 0.0, extra, rule=rule) for rule in (STRATA, rival))
            for regression in regressions(baseline)[1:]:
                bad, other_bad = (figures.at(baseline, rps, regression, extra, rule=rule) for rule in (STRATA, rival))
                yield Duel(
                    rival,
                    baseline,
                    rps,
                    extra,
                    regression,
                    (good.share, other_good.share),
                    (bad.share, other_bad.share),
                    (good.share - other_good.share) / hypot(good.error, other_good.error),
                    (other_bad.share - bad.share) / hypot(bad.error, other_bad.error),
                )


def _unbeaten(figures: Figures) -> Bar:
    every = list(duels(figures))
    closest = max(every, key=lambda duel: min(duel.fewer_false, duel.more_caught))
    margin = min(closest.fewer_false, closest.more_caught)
    where = f"{closest.rival}, +{closest.regression * 100:g} points, " + place(
        closest.baseline, closest.rps, closest.extra_minutes
    )
    what = f"a rival ahead on both sides, by at most: {SIGMAS:g} standard errors"
    return Bar(what, f"{margin:.1f}", margin <= SIGMAS, where)


def _power(figures: Figures) -> Bar:
    """Return the bar on `python -m infra.release power`: it promises "at least", so never more than was measured."""
    excess = {}
    for baseline, rps, extra in cells():
        situation = Situation(rps, baseline, lateness=extra)
        for regression in regressions(baseline)[1:]:
            measured = figures.at(baseline, rps, regression, extra)
            promised = situation.caught(regression)
            where = f"+{regression * 100:g} points, {place(baseline, rps, extra)}"
            excess[where] = (promised - measured.share) / measured.error
    where = max(excess, key=lambda name: excess[name])
    return Bar(
        f"`power` promises more than is measured by: <= {SIGMAS:g} standard errors",
        f"{excess[where]:.1f}",
        excess[where] <= SIGMAS,
        where,
    )
