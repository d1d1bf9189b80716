"""Chooses how fast simulated time runs on this machine: a busy machine makes a rehearsal slower, never different.

A canary lasts a number of simulated minutes and needs a number of requests in each. A busy machine answers fewer
requests per real second, so the factor is halved until the machine keeps up, and the requests per real second with it:
the number in a simulated minute stays the same. Where it keeps up well the factor is doubled again, to what was asked.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rehearsal.environment.processes import ProgramError
from rehearsal.observe import control
from rehearsal.observe.control import Lateness
from rehearsal.observe.traffic import Traffic

ENOUGH = 0.3  # of a core for one more process: a rehearsal's own traffic leaves about 0.45 on two idle cores
ALONE = 0.6  # of a core, which one more process gets beside a rehearsal if the machine is fast enough for it
SLOWEST = 16  # the factor is divided by this at most
KEPT = 0.8  # of the requests that were due: a machine that sends fewer does not keep up, whatever a process gets
WELL = 0.97  # of them: a machine that sends as many may be given twice as many
# Simulated seconds by which the local cloud is late with what is due, on average. A stream is read batch after batch:
# the later that is, the fewer batches there are in a minute, and a consumer's canary needs twenty in ten minutes.
LATE = 2.5
EARLY = 1.0  # of the same: twice as fast is then not too fast
BEHIND = 0.5  # real seconds by which it may still be late when a slower step begins
SECONDS = 0.4  # duration of a measurement
WARM_UP, TRIAL = 5.0, 3.0  # seconds of traffic: until enough workers have started, and to see whether it keeps up

_WORK = f"""
import time
begun = time.perf_counter()
while (passed := time.perf_counter() - begun) < {SECONDS}:
    pass
print(time.process_time() / passed)
"""


@dataclass(frozen=True)
class Measured:
    """What this machine can do: the share of a core that one more process gets, the share of the requests that were due
    and could be sent, and by how many simulated seconds the local cloud was late on average."""

    got: float
    kept: float = 1.0
    late: float = 0.0


@dataclass
class Pace:
    """The pace of a rehearsal on the local cloud at `endpoint`: `factor` simulated seconds per real second, at most
    `asked`, at which there would be `rate` requests per real second."""

    asked: float
    factor: float
    rate: float
    endpoint: str
    _seen: Lateness = field(default_factory=Lateness)

    @property
    def per_second(self) -> float:
        """Return the requests per real second that keep the number in a simulated minute as it was asked for."""
        return self.rate * self.factor / self.asked

    def keep(
        self,
        traffic: Traffic | None,
        change: Callable[[float], None],
        say: Callable[[str], None],
        most: float | None = None,
    ) -> bool:
        """Choose the factor that suits this machine, not above `most`. If it is another, `change` it and `say` why, and
        return True.

        What counts of the local cloud is its time since it was last asked.
        """
        seen = control.lateness(self.endpoint)
        before, self._seen = self._seen, seen
        found = Measured(share(), traffic.kept() if traffic else 1.0, seen.mean(before) * self.factor)
        factor = min(suited(self.asked, self.factor, found), most or self.asked)
        if factor == self.factor:
            return False
        change(factor)
        self.factor = factor
        say(slowed(self.asked, factor, found))
        if traffic:
            traffic.rate = self.per_second
        self._begin()
        return True

    def settle(self, traffic: Traffic, change: Callable[[float], None], say: Callable[[str], None]) -> None:
        """Let the workers of live traffic start; then lower the factor until this machine keeps up."""
        time.sleep(WARM_UP)
        traffic.kept()
        self._begin()
        time.sleep(TRIAL)
        while self.keep(traffic, change, say, most=self.factor):
            time.sleep(TRIAL)

    def _begin(self) -> None:
        """Let the next measurement begin, once the local cloud has caught up."""
        control.catch_up(self.endpoint, BEHIND)
        self._seen = control.lateness(self.endpoint)


def share() -> float:
    """Return the share of a core, at most 1, that a busy process gets now. If it is below ENOUGH, the better of two
    measurements counts, since one may have met a short peak. Raises ProgramError if Python does not run."""
    first = _measured()
    return first if first >= ENOUGH else max(first, _measured())


def _measured() -> float:
    command = [sys.executable, "-I", "-S", "-c", _WORK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return min(float(done.stdout), 1.0)
    except ValueError:
        raise ProgramError(f"{sys.executable} does not run (exit code {done.returncode}): {done.stderr}") from None


def at_first(asked: float) -> tuple[float, str]:
    """Return the factor that suits this machine before anything runs, and why it is not `asked`; empty if it is."""
    found = Measured(share())
    factor = suited(asked, asked, found)
    return factor, "" if factor == asked else slowed(asked, factor, found)


def suited(asked: float, now: float, found: Measured) -> float:
    """Return the factor for such a machine: `asked`, or a half, a quarter ... of it, and at most twice `now`, for a
    machine that was busy may be again. Halving keeps the minute boundaries in place.

    Where too few requests could be sent, or the local cloud was late, the factor is a half of `now`: the cloud has one
    core at most, and on a slow machine that is not enough even if the other is idle.
    """
    factor = asked
    while found.got < ENOUGH and factor > max(asked * found.got / ALONE, asked / SLOWEST):
        factor /= 2
    if found.kept < KEPT or found.late > LATE:
        now /= 2
    elif found.kept >= WELL and found.got >= ENOUGH and found.late <= EARLY:
        now *= 2
    return min(factor, max(now, asked / SLOWEST))


def slowed(asked: float, now: float, found: Measured) -> str:
    """Return the sentence that says why the factor is `now` and not `asked`; the two may be the same again."""
    if now == asked:
        return f"This machine keeps up again, so time runs {now:g} times faster."
    why = f"a process that wants a core gets {found.got:.0%} of one"
    if found.got >= ENOUGH and found.kept < KEPT:
        why = f"it answers too slowly to be sent more than {found.kept:.0%} of the requests"
    elif found.got >= ENOUGH and found.late > LATE:
        why = f"the local cloud is {found.late:.0f} simulated seconds late with what is due"
    return (
        f"This machine is busy: {why}. So time runs {now:g} times faster and not {asked:g}, with the same number of "
        "requests in a simulated minute."
    )
