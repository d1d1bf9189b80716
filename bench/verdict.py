"""Simulates canaries by the hundred thousand, and checks the verdict rule against its bars.

`python -m bench.verdict` writes .bench/verdict.json, .bench/verdict_worlds.json and the generated parts of
docs/verdict.md, prints each bar with its figure, and returns non-zero if one is missed.
"""

from __future__ import annotations

import resource
import sys
import time

from bench.verdict_bars import Bar, Figures, bars
from bench.verdict_page import write
from bench.verdict_tally import FEWER_RUNS, PROCESSES, RUNS, plan, simulate

LONGEST_MINUTES = 6


def main() -> int:
    """Simulate, write and check; return 0 if every bar is met, else 1."""
    started = time.monotonic()
    tallies = simulate(plan())
    write(tallies)
    minutes = (time.monotonic() - started) / 60
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cores = sum(use.ru_utime + use.ru_stime for use in spent) / 60
    # Other processes affect the wall time, so the bar is on CPU time: what two idle cores would need.
    took = Bar(
        f"CPU time over {PROCESSES} cores: <= {LONGEST_MINUTES} min",
        f"{cores / PROCESSES:.1f} min",
        cores / PROCESSES <= LONGEST_MINUTES,
        f"{minutes:.1f} min on the clock",
    )
    every = (*bars(Figures(tallies)), took)
    width = max(len(bar.what) for bar in every)
    for bar in every:
        sys.stdout.write(f"{'ok' if bar.met else 'MISSED':<6} {bar.what:<{width}}  {bar.figure:>9}  {bar.place}\n")
    missed = sum(not bar.met for bar in every)
    rows = f"{len(tallies):,} rows of {FEWER_RUNS:,} runs or more, {RUNS:,} where a bar stands"
    sys.stdout.write(f"verdict: {len(every) - missed} of {len(every)} bars met, {rows}; see docs/verdict.md\n")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
