"""How fast simulated time may run on this machine: a busy one makes a rehearsal slower, never different.

A canary has so many simulated minutes, and needs so many requests in them. A machine that has other things to do
answers fewer in a second, so it gets more seconds: the factor is halved until what is asked for fits, and with it the
requests per second, so that a simulated minute has as many as before.
"""

import subprocess
import sys

from rehearsal.environment.processes import ProgramError

ENOUGH = 0.3  # of a core, for one process more: a rehearsal's own traffic leaves about 0.45 on two quiet cores
ALONE = 0.6  # of a core, that one process more gets beside a rehearsal for which the machine is fast enough
SLOWEST = 16  # the most that the factor is divided by
SECONDS = 0.4  # for which the machine is measured

_WORK = f"""
import time
begun = time.perf_counter()
while (passed := time.perf_counter() - begun) < {SECONDS}:
    pass
print(time.process_time() / passed)
"""


def share() -> float:
    """How much of a core a process gets now that wants one, 1 at most. Where that is too little, the better of two
    looks: a moment is no load."""
    first = _measured()
    return first if first >= ENOUGH else max(first, _measured())


def _measured() -> float:
    command = [sys.executable, "-I", "-S", "-c", _WORK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return min(float(done.stdout), 1.0)
    except ValueError:
        raise ProgramError(f"{sys.executable} does not run (exit code {done.returncode}): {done.stderr}") from None


def suited(asked: float, now: float, got: float) -> float:
    """The factor for a machine on which a process got that share of a core: `asked`, or a half, a quarter ... of it.

    Never faster than `now`: a machine that was busy will be again. Halves keep the edges of minutes where they were.
    """
    factor = asked
    while got < ENOUGH and factor > max(asked * got / ALONE, asked / SLOWEST):
        factor /= 2
    return min(now, factor)


def slowed(asked: float, now: float, got: float) -> str:
    """What is said where the factor is `now` and not the one asked for."""
    return (
        f"This machine is busy: a process that wants a core gets {got:.0%} of one. So time runs {now:g} times faster "
        f"and not {asked:g}, with as many requests in a simulated minute."
    )
