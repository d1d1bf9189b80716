"""How long a process has waited for a processor, so that a busy machine makes a function slow, and never fails it.

A function on AWS has the processor that its memory buys. Here it shares one with whatever else runs, and the time that
it waits for it is none of its own: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

_NANOSECONDS = 1e-9
_LEAST_SECONDS = 0.1


def waited(pid: int) -> float:
    """Return the seconds for which the main thread of a process was ready to run and did not; 0 if uncounted.

    https://docs.kernel.org/scheduler/sched-stats.html, the second number of /proc/<pid>/schedstat
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) * _NANOSECONDS
    except (OSError, ValueError, IndexError):
        return 0.0


@asynccontextmanager
async def timeout(pid: int, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError after so many seconds, not counting those for which the process waited."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds - waited(pid)
    next_look: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def look() -> None:
            nonlocal next_look
            if (left := end + waited(pid) - loop.time()) > 0:
                next_look = loop.call_later(max(left, _LEAST_SECONDS), look)
            else:
                limit.reschedule(loop.time())

        next_look = loop.call_later(seconds, look)
        try:
            yield
        finally:
            next_look.cancel()


class Pressure:
    """Knows if processes wait for a processor, from one look to the next."""

    def __init__(self) -> None:
        self._at = 0.0
        self._waited: dict[int, float] = {}

    def since(self, pids: Iterable[int], now: float) -> float:
        """Return how many of the processes waited at a time, on average since the last look; `now` in seconds."""
        found = {pid: waited(pid) for pid in pids}
        spent = sum(seconds - self._waited.get(pid, 0.0) for pid, seconds in found.items())
        passed, self._at, self._waited = now - self._at, now, found
        return spent / passed if passed > 0 else 0.0
