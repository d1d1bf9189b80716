"""Runs every rule on every draw, in blocks on two processes, and adds up the results.

A block's seed is its place in the plan, so the figures do not depend on how many processes there are.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.verdict_draws import BASELINES, CURVES, DEFAULT, LATENESS, LINEAR, STEPS, TRAFFIC, Cell, Curve, Draw, plain
from bench.verdict_rules import FORMER, JUDGES, STRATA, Judge, MannWhitney, OnSums, Seen, shipped
from bench.verdict_runner import BEHIND, MINUTE, REGRESSIONS, draws, fired, stopped
from bench.verdict_runner import NEVER as NEVER_STOPPED
from bench.verdict_worlds import FAULT, KIND, WORLDS
from infra.release.verdict.rule import Rule

SEED = 20261124
RUNS, BLOCK = 100_000, 20_000
FEWER_RUNS = 40_000
"""Runs for tables and plots on which no bar stands."""
MORE_RUNS = 300_000
"""Runs of the shipped rule beside those, where its bars are close to what it does."""
MORE_REGRESSIONS = (0.0, 0.02, 0.05, 0.2)
PROCESSES = 2
LONGEST = max(curve.minutes for curve in CURVES)

FORGIVEN, FEWER = "strata, forgiven 3", "strata, minimum 4"
SETTINGS: Mapping[str, Rule] = {
    "as shipped": Rule(),
    "statistic z": Rule(statistic="z"),
    "z 2.9": Rule(z=2.9),
    "z 3.3": Rule(z=3.3),
    "minimum 1": Rule(minimum_errors=1),
    "minimum 2": Rule(minimum_errors=2),
    "minimum 4": Rule(minimum_errors=4),
    "minimum 6": Rule(minimum_errors=6),
    "absolute minimum 3": Rule(absolute_minimum=3),
    "absolute z 0": Rule(absolute_z=0),
    "absolute 0.15": Rule(absolute=0.15),
    "absolute 0.25": Rule(absolute=0.25),
    "absolute 0.99": Rule(absolute=0.99),
}
SETTINGS_REGRESSIONS = (0.0, 0.02, 0.05, 0.5)
"""Other bounds, simulated on the default curve in the kind world and on a cold start."""

GRID = (0.3, 1, 2, 3, 5, 10, 20, 30, 50, 100, 200)
GRID_BASELINE = 0.01
GRID_REGRESSIONS = (0.0, 0.05)
"""Traffic, baseline and regressions of the plots."""

QUICK_JUDGES: Mapping[str, Judge] = {
    name: judge for name, judge in JUDGES.items() if not isinstance(judge, MannWhitney)
}
"""All but the rank test, which takes as long as all the others."""
WORLD_JUDGES: Mapping[str, Judge] = {
    **QUICK_JUDGES,
    FORGIVEN: shipped(Rule(forgiven=3)),
    FEWER: shipped(Rule(minimum_errors=4)),
}
"""Rules in the worlds, where no table has the rank test."""


class Key(NamedTuple):
    """One row. world: None for the cells of verdict.json, else its name, "settings" or "grid"."""

    world: str | None
    rule: str
    curve: str
    extra_minutes: int
    baseline: float
    rps: float
    regression: float


@dataclass
class Tally:
    """The results of the runs of one row. stops: fired runs by the minute of the stop."""

    runs: int = 0
    minutes: float = 0.0
    harm: float = 0.0
    least_harm: float = 0.0
    stops: NDArray[np.int64] = field(default_factory=lambda: np.zeros(LONGEST, np.int64))

    @property
    def fired(self) -> int:
        return int(self.stops.sum())

    @property
    def share(self) -> float:
        return self.fired / self.runs

    @property
    def error(self) -> float:
        """Standard error of `share`, with one run added to each side so that 0 and 1 have one too."""
        share = (self.fired + 1) / (self.runs + 2)
        return float(np.sqrt(share * (1 - share) / self.runs))

    @property
    def mean_minutes(self) -> float | None:
        return self.minutes / self.fired if self.fired else None

    @property
    def harm_ratio(self) -> float | None:
        return self.harm / self.least_harm if self.fired and self.least_harm else None

    def add(self, other: Tally) -> None:
        self.runs += other.runs
        self.minutes += other.minutes
        self.harm += other.harm
        self.least_harm += other.least_harm
        self.stops += other.stops


Tallies = dict[Key, Tally]

RUNS_BY_PART: Mapping[str, int] = {
    "more": MORE_RUNS,
    **dict.fromkeys(("steps", "watched", FAULT, "before", "bursts of both", "cold start"), RUNS),
}
"""All others have FEWER_RUNS. Beyond as many, "steps" has only the default curve, and what else has a bar only good
releases, judged by our own rule."""


def count(seen: Seen, draw: Draw, curve: Curve, extra_minutes: int) -> Tally:
    """Add up the runs of a draw. seen: the canary minutes seen when each run first fired; the stop comes
    `extra_minutes` after the last of them."""
    fired = np.flatnonzero(seen <= curve.most_seen(extra_minutes))
    stops = seen[fired].astype(np.int64) + extra_minutes
    earliest = draw.first_harm + extra_minutes
    return Tally(
        runs=draw.runs,
        minutes=float(stops.sum()),
        harm=float(draw.harm[stops - 1, fired].sum()),
        least_harm=float(draw.harm[earliest, fired].sum()) if earliest < draw.minutes else 0.0,
        stops=np.bincount(stops, minlength=LONGEST),
    )


@dataclass(frozen=True)
class Task:
    """One block of runs of one stable version, in one part of the plan. seed: its place there, last the block's."""

    part: str
    cell: Cell
    seed: tuple[int, ...]

    @property
    def beyond(self) -> bool:
        """True for runs beyond FEWER_RUNS of the part."""
        return self.seed[-1] >= FEWER_RUNS // BLOCK

    def key(self, world: str | None, rule: str, curve: Curve, extra_minutes: int, regression: float) -> Key:
        return Key(world, rule, curve.name, extra_minutes, self.cell.baseline, self.cell.rps, regression)


def plan() -> list[Task]:
    cells = [(baseline, float(rps)) for baseline in BASELINES for rps in TRAFFIC]
    grid = [(GRID_BASELINE, float(rps)) for rps in GRID]
    parts = [("steps", cells), ("linear", cells), ("settings", cells), ("grid", grid)]
    parts += [(world.name, cells) for world in WORLDS]
    parts += [("watched", cells), ("more", cells)]  # the newest last, since a block's seed is its place in the plan
    return [
        Task(part, Cell(baseline, rps, BLOCK), (SEED, index, number, block))
        for index, (part, places) in enumerate(parts)
        for number, (baseline, rps) in enumerate(places)
        for block in range(RUNS_BY_PART.get(part, FEWER_RUNS) // BLOCK)
    ]


def perform(task: Task) -> Tallies:
    """Run one task on one core."""
    rng = np.random.default_rng(np.random.SeedSequence(task.seed))
    match task.part:
        case "steps" if task.beyond:
            tallies = _plain(rng, task, None, (DEFAULT,), QUICK_JUDGES)
        case "steps":
            tallies = _plain(rng, task, None, STEPS, JUDGES)
        case "linear":
            tallies = _plain(rng, task, None, (LINEAR,), JUDGES)
        case "grid":
            tallies = _plain(rng, task, "grid", (DEFAULT,), JUDGES, GRID_REGRESSIONS)
        case "settings":
            tallies = _settings(rng, task)
        case "watched":
            tallies = _watched(rng, task)
        case "more":
            tallies = _more(rng, task)
        case _:
            tallies = _world(rng, task)
    return tallies


def _plain(  # noqa: PLR0917 - a part of the plan has all of them
    rng: np.random.Generator,
    task: Task,
    world: str | None,
    curves: tuple[Curve, ...],
    judges: Mapping[str, Judge],
    wanted: tuple[float, ...] = (),
) -> Tallies:
    tallies: Tallies = {}
    longest = max(curves, key=lambda curve: curve.minutes)
    for regression, draw in plain(rng, longest, task.cell, wanted):
        for name, judge in judges.items():
            seen = judge(draw, draw.minutes)
            for curve in curves:
                for extra in LATENESS:
                    key = task.key(world, name, curve, extra, regression)
                    tallies[key] = count(seen, draw, curve, extra)
    return tallies


def _settings(rng: np.random.Generator, task: Task) -> Tallies:
    judges = {name: shipped(rule) for name, rule in SETTINGS.items()}
    tallies = _plain(rng, task, "settings", (DEFAULT,), judges, SETTINGS_REGRESSIONS)
    cold = next(world for world in WORLDS if world.name == "cold start")
    for regression, draw in cold.draw(rng, task.cell, (0.0,)):
        for name, judge in judges.items():
            seen = judge(draw, draw.minutes)
            for extra in LATENESS:
                key = task.key("settings, cold start", name, DEFAULT, extra, regression)
                tallies[key] = count(seen, draw, DEFAULT, extra)
    return tallies


def _world(rng: np.random.Generator, task: Task) -> Tallies:
    world = next(world for world in WORLDS if world.name == task.part)
    judges = WORLD_JUDGES
    if world.counts_before:
        judges = {name: judge for name, judge in judges.items() if isinstance(judge, OnSums)}
    if world.name == KIND or task.beyond:
        judges = {name: WORLD_JUDGES[name] for name in (STRATA, FEWER, FORGIVEN)}
    tallies: Tallies = {}
    for regression, draw in world.draw(rng, task.cell, (0.0,) if task.beyond else world.regressions):
        for name, judge in judges.items():
            for extra in LATENESS:
                if draw.before is not None or extra == LATENESS[0]:  # else the result does not depend on it
                    seen = judge(draw, DEFAULT.most_seen(extra), extra, DEFAULT.minutes)
                key = task.key(world.name, name, DEFAULT, extra, regression)
                tallies[key] = count(seen, draw, DEFAULT, extra)
    return tallies


def _more(rng: np.random.Generator, task: Task) -> Tallies:
    judges = {name: JUDGES[name] for name in (STRATA, FORMER)}
    tallies = _plain(rng, task, None, (DEFAULT,), judges, MORE_REGRESSIONS)
    fault = next(world for world in WORLDS if world.name == FAULT)
    for regression, draw in fault.draw(rng, task.cell, (0.0,)):
        seen = JUDGES[STRATA](draw, draw.minutes)
        for extra in LATENESS:
            tallies[task.key(FAULT, STRATA, DEFAULT, extra, regression)] = count(seen, draw, DEFAULT, extra)
    return tallies


def _watched(rng: np.random.Generator, task: Task) -> Tallies:
    tallies: Tallies = {}
    for regression, draw in draws(rng, task.cell, (0.0,) if task.beyond else REGRESSIONS):
        fires = fired(draw.stable, draw.canary, Rule())
        for name, behind in BEHIND.items():
            for extra in LATENESS:
                polls = stopped(fires, extra, behind)
                minutes = polls[polls != NEVER_STOPPED] / MINUTE
                stops = np.bincount(np.ceil(minutes).astype(np.int64), minlength=LONGEST)
                key = task.key(None, name, DEFAULT, extra, regression)
                tallies[key] = Tally(runs=draw.runs, minutes=float(minutes.sum()), stops=stops)
    return tallies


def simulate(tasks: Iterable[Task]) -> Tallies:
    """Run all tasks; return the tallies, added up by row."""
    total: Tallies = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        for tallies in pool.map(perform, tasks, chunksize=1):
            for key, tally in tallies.items():
                total.setdefault(key, Tally()).add(tally)
    return total
