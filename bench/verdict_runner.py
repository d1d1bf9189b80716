"""Simulates the runner's polls beside the alarm: what its rule (decision.silence) adds and what it costs good releases.

The runner polls every ten seconds, with metrics as late as the alarm's, and stops a release that every poll has
condemned for as long as the alarm has its chance. Its last poll comes when all traffic has shifted, and reverts what it
condemns. The alarm evaluates every minute. If both see the same, the alarm fires before its chance is over, so the
simulation also has an alarm that is a minute behind, and one that never fires.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from bench.verdict_draws import DEFAULT, Cell, Draw, Side, side
from bench.verdict_rules import where_fires
from infra.release.decision.silence import CHANCE
from infra.release.engine.runner import POLL
from infra.release.verdict.rule import Rule

WATCHED = "strata, watched"
BEHIND: Mapping[str, int | None] = {
    WATCHED: 0,
    f"{WATCHED}, alarm a minute behind": 1,
    f"{WATCHED}, alarm silent": None,
}
"""Minutes by which the alarm sees less than the runner; None if it never fires."""
MINUTE = timedelta(minutes=1) // POLL
"""Polls of the runner in a minute."""
HELD = CHANCE // POLL
POLLS = DEFAULT.minutes * MINUTE
"""Polls until the traffic has shifted; the last one sees the shift."""
REGRESSIONS = (0.0, 0.05)

Steps = NDArray[np.int16]
NEVER = np.int16(9999)


def draws(
    rng: np.random.Generator, cell: Cell, regressions: tuple[float, ...] = REGRESSIONS
) -> tuple[tuple[float, Draw], ...]:
    """Draw the kind world by polls: [k] holds the counts until poll k + 1."""
    shape, requests, share = (POLLS, cell.runs), cell.rps * POLL.total_seconds(), DEFAULT.shares[0]
    stable = side(rng, requests * (1 - share), cell.baseline, shape)
    drawn = []
    for regression in regressions:
        canary = side(rng, requests * share, cell.baseline + regression, shape)
        drawn.append((regression, Draw(stable, canary, canary.invocations)))
    return tuple(drawn)


def fired(stable: Side, canary: Side, rule: Rule) -> NDArray[np.bool_]:
    """Return, by poll and run, True if the rule fires on the counts until then."""
    return where_fires(stable.invocations, stable.errors, canary.invocations, canary.errors, rule)


def stopped(fires_: NDArray[np.bool_], extra_minutes: int, behind: int | None) -> Steps:
    """Return the poll at which each run is stopped or reverted, from 1 on, or NEVER."""
    runs = fires_.shape[1]
    none = np.zeros((extra_minutes * MINUTE, runs), bool)
    seen = np.vstack([none, fires_])[:POLLS]  # by the runner, at each of its polls
    held = np.zeros(runs, np.int16)
    first = np.full(runs, NEVER)
    for poll in range(1, POLLS + 1):
        held = np.where(seen[poll - 1], held + 1, 0).astype(np.int16)
        stops = seen[poll - 1] if poll == POLLS else held > HELD
        if behind is not None and poll % MINUTE == 0 and poll < POLLS and (at := poll - behind * MINUTE) > 0:
            stops = stops | seen[at - 1]
        first[stops & (first == NEVER)] = poll
    return first
