"""The runner's looks beside the alarm's: what its rule (decision.silence) adds, and what it costs good releases.

The runner looks every ten seconds, at metrics as late as the alarm's, and stops what all its looks have condemned for
the alarm's chance; its last look comes when all traffic has shifted, and takes back what it condemns. The alarm looks
every minute. Where both see the same, it has fired before the chance is over, so it is also tried a minute behind, and
silent altogether.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from bench.verdict_draws import DEFAULT, Cell, Draw, Side, side
from infra.release.decision.silence import CHANCE
from infra.release.engine.runner import LOOK
from infra.release.verdict.judge import fires
from infra.release.verdict.rule import Rule

WATCHED = "strata, watched"
BEHIND: Mapping[str, int | None] = {
    WATCHED: 0,
    f"{WATCHED}, alarm a minute behind": 1,
    f"{WATCHED}, alarm silent": None,
}
"""Minutes by which the alarm sees less than the runner; None where it never fires."""
MINUTE = timedelta(minutes=1) // LOOK
"""Looks of the runner in a minute."""
HELD = CHANCE // LOOK
LOOKS = DEFAULT.minutes * MINUTE
"""Until the traffic has shifted. The last one sees that."""
REGRESSIONS = (0.0, 0.05)

Steps = NDArray[np.int16]
NEVER = np.int16(9999)


def draws(rng: np.random.Generator, cell: Cell) -> tuple[tuple[float, Draw], ...]:
    """As the kind world, but by looks: [k] holds what came until look k + 1."""
    shape, requests, share = (LOOKS, cell.runs), cell.rps * LOOK.total_seconds(), DEFAULT.shares[0]
    stable = side(rng, requests * (1 - share), cell.baseline, shape)
    drawn = []
    for regression in REGRESSIONS:
        canary = side(rng, requests * share, cell.baseline + regression, shape)
        drawn.append((regression, Draw(stable, canary, canary.invocations)))
    return tuple(drawn)


def fired(stable: Side, canary: Side, rule: Rule) -> NDArray[np.bool_]:
    """Whether the rule fires on all that came until each look."""
    found: NDArray[np.bool_] = fires(stable.invocations, stable.errors, canary.invocations, canary.errors, rule)
    return found


def stopped(fires_: NDArray[np.bool_], extra_minutes: int, behind: int | None) -> Steps:
    """The look at which each run is stopped or taken back, from 1 on, or NEVER."""
    runs = fires_.shape[1]
    none = np.zeros((extra_minutes * MINUTE, runs), bool)
    seen = np.vstack([none, fires_])[:LOOKS]  # by the runner, at each of its looks
    held = np.zeros(runs, np.int16)
    first = np.full(runs, NEVER)
    for look in range(1, LOOKS + 1):
        held = np.where(seen[look - 1], held + 1, 0).astype(np.int16)
        stops = seen[look - 1] if look == LOOKS else held > HELD
        if behind is not None and look % MINUTE == 0 and look < LOOKS and (at := look - behind * MINUTE) > 0:
            stops = stops | seen[at - 1]
        first[stops & (first == NEVER)] = look
    return first
