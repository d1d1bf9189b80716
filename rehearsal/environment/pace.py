"""Chooses how fast simulated time runs on this machine: a busy machine makes a rehearsal slower, never different.

A canary lasts a number of simulated minutes and needs a number of requests in each. A busy machine answers fewer
requests per real second, so the factor is halved until the machine keeps up, and the requests per real second with it:
the number in a simulated minute stays the same. Where it keeps up well the factor is doubled again, to what was asked.
"""

import subprocess
import sys

from rehearsal.environment.processes import ProgramError

ENOUGH = 0.3  # of a core for one more process: a rehearsal's own traffic leaves about 0.45 on two idle cores
ALONE = 0.6  # of a core, which one more process gets beside a rehearsal if the machine is fast enough for it
SLOWEST = 16  # the factor is divided by this at most
KEPT = 0.8  # of the requests that were due: a machine that sends fewer does not keep up, whatever a process gets
WELL = 0.97  # of them: a machine that sends as many may be given twice as many
BEHIND = 2.0  # seconds by which the cloud's timeline may be late: as long as it waits for a call that is under way
SECONDS = 0.4  # duration of a measurement

_WORK = f"""
import time
begun = time.perf_counter()
while (passed := time.perf_counter() - begun) < {SECONDS}:
    pass
print(time.process_time() / passed)
"""


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


def suited(asked: float, now: float, got: float, kept: float = 1.0, behind: float = 0.0) -> float:
    """Return the factor for a machine on which a process got that share of a core: `asked`, or a half, a quarter ... of
    it, and at most twice `now`, for a machine that was busy may be again. Halving keeps the minute boundaries in place.

    `kept`: the share of the requests that were due and could be sent. If it is too low, the factor is a half of `now`:
    the local cloud has one core at most, and on a slow machine that is not enough even if the other is idle. `behind`:
    the seconds by which its timeline is late, for which the factor is halved likewise.
    """
    factor = asked
    while got < ENOUGH and factor > max(asked * got / ALONE, asked / SLOWEST):
        factor /= 2
    if kept < KEPT or behind > BEHIND:
        now /= 2
    elif kept >= WELL and got >= ENOUGH:
        now *= 2
    return min(factor, max(now, asked / SLOWEST))


def slowed(asked: float, now: float, got: float, kept: float = 1.0, behind: float = 0.0) -> str:
    """Return the sentence that says why the factor is `now` and not `asked`; the two may be the same again."""
    if now == asked:
        return f"This machine keeps up again, so time runs {now:g} times faster."
    why = f"a process that wants a core gets {got:.0%} of one"
    if got >= ENOUGH and kept < KEPT:
        why = f"it answers too slowly to be sent more than {kept:.0%} of the requests"
    elif got >= ENOUGH and behind > BEHIND:
        why = f"the local cloud is {behind:.0f} s late with what is due"
    return (
        f"This machine is busy: {why}. So time runs {now:g} times faster and not {asked:g}, with the same number of "
        "requests in a simulated minute."
    )
