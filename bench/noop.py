"""Measures what the release costs an `up` that changes nothing: the prod stack against one with a log group instead.

Each is a real `pulumi up --stack prod` on a cloud of its own; the two alternate within one run, and the figure is the
median of the pairs' ratios.
"""

import json
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.console import plain_table
from rehearsal.environment import sandbox
from rehearsal.environment.sandbox import STACK, Sandbox
from rehearsal.environment.workspace import Edit

RESULT = Path(".bench/noop.json")
FACTOR = 40.0
PAIRS = 7
BAR = 1.3  # times; with the release over without

PLAIN = Edit(
    "A log group in place of the release",
    "infra/stack.py",
    "from infra.release.provider.resource import Release, read_ahead\n",
    "from bench.plain import Release, read_ahead\n",
)


class BenchError(Exception):
    """An `up` failed or did not do what is measured."""


def up(stage: Sandbox) -> float:
    """Run one `pulumi up`; return its seconds. Raises BenchError if it fails."""
    begun = time.perf_counter()
    code, text = stage.pulumi("up", "--stack", STACK)
    seconds = time.perf_counter() - begun
    if code != 0:
        raise BenchError(f"`pulumi up` exited {code}:\n{text}")
    return seconds


def unchanged(stage: Sandbox) -> int:
    """Return how many resources the last `up` left the same. Raises BenchError if it changed one."""
    changes = stage.changes()
    if set(changes) != {"same"}:
        raise BenchError(f"an `up` that should change nothing did this: {changes}")
    return changes["same"]


@dataclass(frozen=True)
class Taken:
    """The seconds of the no-op `up`s, pair by pair, and the number of resources of each stack."""

    resources: int
    with_release: list[float] = field(default_factory=list)
    without: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Return the median of the pairs' ratios."""
        return statistics.median(a / b for a, b in zip(self.with_release, self.without, strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return the form of the file."""
        return {
            "resources": self.resources,
            "pairs": len(self.without),
            "with_release_seconds": statistics.median(self.with_release),
            "without_seconds": statistics.median(self.without),
            "ratio": round(self.ratio, 3),
            "bar": BAR,
            "runs": {"with_release": self.with_release, "without": self.without},
        }

    def table(self) -> Table:
        """Return the table for a person."""
        table = plain_table()
        table.add_column(f"no-op `pulumi up`, {self.resources} resources")
        for heading in ("median", "fastest", "slowest"):
            table.add_column(heading, justify="right")
        for name, runs in (("with the release", self.with_release), ("with a log group instead", self.without)):
            figures = (statistics.median(runs), min(runs), max(runs))
            table.add_row(name, *(f"{figure:.2f} s" for figure in figures))
        return table


def measure(pairs: int) -> Taken:
    """Create and warm both stacks, then run `up` by turns. Raises BenchError if the stacks are not comparable."""
    with sandbox.running(FACTOR) as released, sandbox.running(FACTOR) as plain:
        plain.apply(PLAIN)
        for stage in (released, plain):
            up(stage)  # creates
            up(stage)  # warms caches of bytecode and of the file system
        sizes = [unchanged(stage) for stage in (released, plain)]
        if len(set(sizes)) != 1:
            raise BenchError(f"the two stacks differ in size: {sizes} resources")
        taken = Taken(sizes[0])
        for pair in range(pairs):
            turns = [(released, taken.with_release), (plain, taken.without)]
            for stage, seconds in turns if pair % 2 == 0 else reversed(turns):
                seconds.append(round(up(stage), 3))
                unchanged(stage)
        return taken


def main() -> int:
    """Measure, print and write; return 0 if the bar is reached, else 1."""
    console = Console(highlight=False)
    taken = measure(PAIRS)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(taken.as_json(), indent=2) + "\n")
    console.print(taken.table())
    reached = taken.ratio <= BAR
    console.print(f"ratio {taken.ratio:.2f}, at most {BAR:g}: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1
