"""Makes the tables of docs/verdict.md, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from bench.verdict_bars import LATE, SIGMAS, Duel, Figures, bars, cells, duels, limit, percent, place
from bench.verdict_draws import BASELINES, CURVES, LATENESS, TRAFFIC, regressions
from bench.verdict_rules import JUDGES, STRATA
from bench.verdict_runner import BEHIND
from bench.verdict_tally import FEWER, FORGIVEN, SETTINGS
from bench.verdict_worlds import KIND, WORLDS
from infra.release.verdict.power import Situation
from infra.release.verdict.rule import LIKELIHOOD, TWO_PROPORTIONS, Rule

SMALLEST_TRAFFIC = (0.3, 1, 3, 10, 30, 100, 300)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are figures."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _points(regression: float, baseline: float) -> str:
    return "all down" if regression == 1 - baseline else f"+{regression * 100:g}"


def _baseline(baseline: float) -> str:
    return f"{baseline * 100:g} %"


def _by_cell(name: str, figure: Callable[[float, float], str]) -> str:
    """Return a table with a row for each baseline and a column for each traffic."""
    head = (name, *(f"{rps}/s" for rps in TRAFFIC))
    return table(head, ((_baseline(base), *(figure(base, rps) for rps in TRAFFIC)) for base in BASELINES))


def _by_lateness(figures: Figures, baseline: float, rps: float, regression: float, **where: str) -> str:
    shares = (figures.at(baseline, rps, regression, extra, **where).share for extra in LATENESS)
    shown = [percent(share).removesuffix(" %") for share in shares]
    return shown[0] if len(set(shown)) == 1 else " / ".join(shown)


def bounds() -> str:
    """Return the table of Rule's fields."""
    rows = []
    for name, bound in Rule.bounds().items():
        default = getattr(Rule(), name)
        limits = f"{bound.least:,g} - {bound.most:,g}"
        source = bound.source.replace(" (docs/verdict.md)", "")
        rows.append(
            (f"`{name}`", "off" if default is None else f"{default:g}", limits, bound.unit, bound.meaning, source)
        )
    head = ("bound", "default", "may be", "unit", "meaning", "source")
    statistics = f"{LIKELIHOOD}, {TWO_PROPORTIONS}"
    rows.insert(0, ("`statistic`", LIKELIHOOD, statistics, "", "what the relative part asks", "the better of both"))
    text = table(head, rows)
    return text.replace("| --- | ---: | ---: | ---: | ---: | ---: |", "| --- | ---: | ---: | --- | --- | --- |")


def must_show(figures: Figures) -> str:
    """Return the table of all bars with their figures."""
    rows = ((bar.what, bar.figure, "yes" if bar.met else "**no**", bar.place) for bar in bars(figures))
    head = ("what", "measured", "met", "where it is worst")
    return table(head, rows).replace("| --- | ---: | ---: | ---: |", "| --- | ---: | --- | --- |")


def figures_by_cell(figures: Figures) -> str:
    """Return the table of the shipped rule: every regression, baseline and traffic."""
    rows: list[tuple[str, ...]] = []
    for step in range(len(regressions(0.0))):
        found = []
        for baseline in BASELINES:
            regression = regressions(baseline)[step]
            name = "good release" if regression == 0 else _points(regression, baseline)
            found.append((name, baseline, [_by_lateness(figures, baseline, rps, regression) for rps in TRAFFIC]))
        if all(shares == found[0][2] for _, _, shares in found):
            rows.append((found[0][0], "any", *found[0][2]))
        else:
            rows += [(name, _baseline(baseline), *shares) for name, baseline, shares in found]
    return table(("release", "baseline", *(f"{rps}/s" for rps in TRAFFIC)), rows)


def against_rivals(figures: Figures) -> str:
    """Return a table with one row for each rule, at LATE extra minutes."""
    rows = []
    for rule in JUDGES:
        good = [figures.at(base, rps, 0.0, extra, rule=rule).share for base, rps, extra in cells() if extra == LATE]
        clear = figures.at(0.01, 10, 0.5, LATE, rule=rule)
        row = [f"**{rule}**" if rule == STRATA else rule, percent(max(good))]
        row += [percent(figures.at(0.01, 10, 0.0, LATE, rule=rule).share)]
        row += [
            percent(figures.at(baseline, rps, regression, LATE, rule=rule).share)
            for baseline, rps, regression in (
                (0.001, 0.3, 0.2),
                (0.001, 1, 0.05),
                (0.01, 3, 0.05),
                (0.01, 10, 0.05),
                (0.05, 100, 0.02),
            )
        ]
        row += ["-" if clear.mean_minutes is None else f"{clear.mean_minutes:.1f}"]
        rows.append(row)
    head = (
        "rule",
        "good releases rolled back, worst cell",
        "the same at 1 %, 10/s",
        "+20 caught at 0.1 %, 0.3/s",
        "+5 caught at 0.1 %, 1/s",
        "+5 caught at 1 %, 3/s",
        "+5 caught at 1 %, 10/s",
        "+2 caught at 5 %, 100/s",
        "minutes to stop +50 at 1 %, 10/s",
    )
    return table(head, rows)


def rivals_ahead(figures: Figures) -> str:
    """Return the cells in which a rival catches more at equal false rollbacks, or has fewer at equal detection."""
    every = [duel for duel in duels(figures) if duel.extra_minutes == LATE]
    more = [d for d in every if d.more_caught > SIGMAS and d.fewer_false > -SIGMAS]
    fewer = [d for d in every if d.fewer_false > SIGMAS and d.more_caught > -SIGMAS]

    def rows(found: Iterable[Duel], shown: Callable[[Duel], tuple[float, float]]) -> Iterable[tuple[str, ...]]:
        for (rival, baseline, rps), group in groupby(found, lambda d: (d.rival, d.baseline, d.rps)):
            members = list(group)
            ours, theirs = zip(*(shown(duel) for duel in members), strict=True)
            steps = ", ".join(_points(duel.regression, baseline) for duel in members)
            alike = [dict.fromkeys(percent(share) for share in side) for side in (ours, theirs)]
            yield rival, _baseline(baseline), f"{rps}/s", steps, ", ".join(alike[0]), ", ".join(alike[1])

    def ordered(found: list[Duel]) -> list[Duel]:
        return sorted(found, key=lambda d: (d.baseline, d.rps, list(JUDGES).index(d.rival)))

    head = ("rival", "baseline", "traffic", "regressions")
    caught = table((*head, "strata catches", "rival catches"), rows(ordered(more), lambda d: d.caught))
    false = table((*head, "strata rolls back", "rival rolls back"), rows(ordered(fewer), lambda d: d.false))
    return (
        f"A rival catches more, at equal false rollbacks:\n\n{caught}\n\n"
        f"A rival rolls back fewer good releases, at equal detection:\n\n{false}"
    )


def worlds(figures: Figures) -> str:
    """Return a table with one row for each world."""
    rows = []
    for world in WORLDS:
        good = {}
        if 0.0 in world.regressions:
            good = {place(*cell): figures.at(*cell[:2], 0.0, cell[2], world=world.name).share for cell in cells()}
        worst = max(good, key=lambda name: good[name]) if good else ""
        caught = "-"
        if 0.05 in world.regressions:
            caught = percent(figures.at(0.01, 10, 0.05, LATE, world=world.name).share)
        rows.append((world.name, world.meaning, percent(good[worst]) if good else "-", worst, caught))
    head = ("world", "what happens", "good releases rolled back, worst cell", "where", "+5 caught at 1 %, 10/s")
    return table(head, rows).replace("| --- | ---: | ---: | ---: | ---: |", "| --- | --- | ---: | --- | ---: |")


def world_by_cell(figures: Figures, world: str) -> str:
    """Return the table of good releases rolled back in one world, by baseline and traffic."""
    return _by_cell("baseline", lambda base, rps: _by_lateness(figures, base, rps, 0.0, world=world))


def cold_start(figures: Figures) -> str:
    """Return the table of good releases rolled back whose first calls fail: as shipped, with a minimum of 4, and with
    `forgiven = 3`."""

    def figure(baseline: float, rps: float) -> str:
        shares = (
            max(figures.at(baseline, rps, 0.0, extra, rule=rule, world="cold start").share for extra in LATENESS)
            for rule in (STRATA, FEWER, FORGIVEN)
        )
        return " → ".join(percent(share) for share in shares)

    return _by_cell("baseline", figure)


def price_of_forgiving(figures: Figures) -> str:
    """Return the table of what a minimum of 4 and `forgiven = 3` no longer catch, in the kind world."""
    rows = []
    for regression in (0.02, 0.05):
        for baseline in BASELINES:
            shares = []
            for rps in TRAFFIC:
                pair = [
                    figures.at(baseline, rps, regression, LATE, rule=rule, world=KIND).share
                    for rule in (STRATA, FEWER, FORGIVEN)
                ]
                shares.append(" → ".join(percent(share) for share in pair))
            rows.append((f"+{regression * 100:g}", _baseline(baseline), *shares))
    return table(("release", "baseline", *(f"{rps}/s" for rps in TRAFFIC)), rows)


def from_the_limit(figures: Figures) -> str:
    """Return the table of what is caught, of what the optimal test would catch at the same false rollbacks."""
    rows = []
    for regression in (0.02, 0.05, 0.2):
        for baseline in BASELINES:
            row = [f"+{regression * 100:g}", _baseline(baseline)]
            for rps in TRAFFIC:
                shares = (
                    figures.at(baseline, rps, regression, LATE).share,
                    limit(figures, baseline, rps, regression, LATE),
                )
                row.append(" of ".join(percent(share).removesuffix(" %") for share in shares))
            rows.append(row)
    return table(("release", "baseline", *(f"{rps}/s" for rps in TRAFFIC)), rows)


def smallest() -> str:
    """Return the table of the smallest regression caught 9 times in 10, by traffic, computed as `power` does."""
    rows = []
    for rps in SMALLEST_TRAFFIC:
        row = [f"{rps:g}/s"]
        for baseline in BASELINES:
            least = Situation(rps, baseline, lateness=LATE).smallest(0.9)
            row.append("-" if least is None else f"+{least * 100:.1f}")
        rows.append(row)
    return table(("requests", *(f"baseline {_baseline(base)}" for base in BASELINES)), rows)


def curves(figures: Figures) -> str:
    """Return a table with one row for each curve, at baseline 1 %."""
    rows = []
    for curve in CURVES:
        good = [figures.at(*cell[:2], 0.0, cell[2], curve=curve.name).share for cell in cells()]
        row = [curve.name, percent(max(good))]
        row += [
            _by_lateness(figures, 0.01, rps, regression, curve=curve.name)
            for rps, regression in ((10, 0.02), (1, 0.05), (10, 0.05), (1, 0.5))
        ]
        stopped = figures.at(0.01, 10, 0.05, LATE, curve=curve.name)
        row += ["-" if stopped.harm_ratio is None else f"{stopped.harm_ratio:.1f}"]
        rows.append(row)
    head = (
        "curve",
        "good releases rolled back, worst cell",
        "+2 caught at 10/s",
        "+5 at 1/s",
        "+5 at 10/s",
        "+50 at 1/s",
        "harm ratio of +5 at 10/s",
    )
    return table(head, rows)


def watched(figures: Figures) -> str:
    """Return the table of what the runner's polls add to the alarm."""
    rows = []
    for rule in (STRATA, *BEHIND):
        good = {place(*cell): figures.at(*cell[:2], 0.0, cell[2], rule=rule).share for cell in cells()}
        worst = max(good, key=lambda name: good[name])
        row = [rule, percent(good[worst]), worst]
        row += [_by_lateness(figures, 0.01, rps, 0.05, rule=rule) for rps in TRAFFIC]
        rows.append(row)
    head = (
        "rule",
        "good releases rolled back, worst cell",
        "where",
        *(f"+5 caught at 1 %, {r}/s" for r in TRAFFIC),
    )
    return table(head, rows).replace("| --- | ---: | ---: |", "| --- | ---: | --- |", 1)


def settings(figures: Figures) -> str:
    """Return a table with one row for each set of bounds."""
    rows = []
    for name in SETTINGS:
        good = [figures.at(*cell[:2], 0.0, cell[2], rule=name, world="settings").share for cell in cells()]
        cold = [figures.at(*cell[:2], 0.0, cell[2], rule=name, world="settings, cold start").share for cell in cells()]
        row = [name, percent(max(good))]
        row += [
            percent(figures.at(baseline, rps, regression, extra, rule=name, world="settings").share)
            for baseline, rps, regression, extra in (
                (0.001, 1, 0.05, 1),
                (0.01, 10, 0.02, 1),
                (0.01, 10, 0.05, 3),
                (0.05, 1, 0.5, 3),
            )
        ]
        ratio = figures.at(0.05, 1, 0.5, 0, rule=name, world="settings").harm_ratio
        row += ["-" if ratio is None else f"{ratio:.2f}", percent(max(cold))]
        rows.append(row)
    head = (
        "bounds",
        "good releases rolled back, worst cell",
        "+5 at 0.1 %, 1/s",
        "+2 at 1 %, 10/s",
        "+5 at 1 %, 10/s, 3 min late",
        "+50 at 5 %, 1/s, 3 min late",
        "harm ratio of +50 at 5 %, 1/s",
        "cold starts rolled back, worst cell",
    )
    return table(head, rows)


def slow(figures: Figures) -> str:
    """Return the table of the slow rule: the relative part alone, on the share of slow requests."""
    where = {"rule": "absolute 0.99", "world": "settings"}
    rows = []
    for baseline in BASELINES[1:]:
        for regression in (0.0, 0.02, 0.05):
            name = "good release" if not regression else f"+{regression * 100:g}"
            shares = (_by_lateness(figures, baseline, rps, regression, **where) for rps in TRAFFIC)
            rows.append((name, _baseline(baseline), *shares))
    return table(("release", "slow at stable", *(f"{rps}/s" for rps in TRAFFIC)), rows)


def both_alarms(figures: Figures) -> str:
    """Return a sentence with the worst share of good releases that either alarm rolls back, if they are independent."""
    errors = max(figures.at(*cell[:2], 0.0, cell[2]).share for cell in cells())
    slow_ = max(figures.at(*cell[:2], 0.0, cell[2], rule="absolute 0.99", world="settings").share for cell in cells())
    return (
        f"With both alarms at their worst and independent of one another, {percent(1 - (1 - errors) * (1 - slow_))} "
        "of good releases are rolled back."
    )


def late(figures: Figures) -> str:
    """Return the table of a regression that begins during the canary."""
    rows = []
    for regression in (0.02, 0.05, 0.5):
        for baseline in BASELINES:
            shares = (_by_lateness(figures, baseline, rps, regression, world="late regression") for rps in TRAFFIC)
            rows.append((f"+{regression * 100:g}", _baseline(baseline), *shares))
    return table(("release", "baseline", *(f"{rps}/s" for rps in TRAFFIC)), rows)


def blocks(figures: Figures) -> Mapping[str, str]:
    """Return every generated block of the pages, by the name of its marker."""
    return {
        "bounds": bounds(),
        "must show": must_show(figures),
        "cells": figures_by_cell(figures),
        "rivals": against_rivals(figures),
        "rivals ahead": rivals_ahead(figures),
        "worlds": worlds(figures),
        "before": world_by_cell(figures, "before"),
        "fault of both, before": world_by_cell(figures, "fault of both, before"),
        "bursts of the canary": world_by_cell(figures, "bursts of the canary"),
        "late regression": late(figures),
        "cold start": cold_start(figures),
        "price of forgiving": price_of_forgiving(figures),
        "limit": from_the_limit(figures),
        "smallest": smallest(),
        "curves": curves(figures),
        "settings": settings(figures),
        "watched": watched(figures),
        "slow": slow(figures),
        "both alarms": both_alarms(figures),
    }
