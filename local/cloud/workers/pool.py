"""The workers of all functions: reused while warm, started when needed, ended when idle."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from local.cloud.workers.processor import Pressure
from local.cloud.workers.worker import Answer, Environment, Worker, renamed

_AT_ONCE = max(2, os.cpu_count() or 1)
"""The number of workers of one version that are started at once; a burst must not fill the machine with imports."""
_PATIENCE = 0.05
"""Seconds that a call waits for a busy worker before one more is started. AWS starts it at once."""
_PAUSE = 0.2
"""Seconds between the end of one such start and the next: the new worker should work off the queue first."""
_CROWDED = 1.0
"""Workers that wait for a processor at a time, from which on no more are started: one more would wait too, and hold up
the others."""
_IDLE_SECONDS = 120.0
_FAILURE_SECONDS = 1.0
"""Seconds for which a failed import answers further calls. Lambda imports again for each, which is too slow on a
laptop."""


class Key(NamedTuple):
    """One version of a function as it is configured now: calls with equal keys share workers."""

    account: str
    region: str
    function: str
    version: str
    revision: str


@dataclass(frozen=True)
class Request:
    """One invocation; `begin` is called when a worker takes it."""

    id: str
    function_arn: str
    event: Any
    begin: Callable[[], None]


@dataclass
class _Waiting:
    """A call without a worker yet."""

    request_id: str
    worker: asyncio.Future[Worker | Answer]
    since: float = field(default_factory=time.monotonic)


@dataclass
class _Fleet:
    """The workers of one key, and the calls that wait for one, the longest first."""

    environment: Callable[[], Awaitable[Environment]]
    workers: set[Worker] = field(default_factory=set)
    idle: list[Worker] = field(default_factory=list)
    waiting: deque[_Waiting] = field(default_factory=deque)
    starting: int = 0
    started_at: float = 0.0
    looks_again: bool = False
    failure: Answer | None = None
    failed_at: float = 0.0
    retired: bool = False
    pressure: Pressure = field(default_factory=Pressure)

    def free(self) -> Worker | Answer | None:
        """Return what answers a new call at once: a recent import failure, or a free worker for which no call waits."""
        if self.failure is not None and time.monotonic() - self.failed_at < _FAILURE_SECONDS:
            return self.failure
        while self.idle and not self.waiting:
            worker = self.idle.pop()
            if worker.alive:
                return worker
            self.workers.discard(worker)
        return None

    def needs_one_more(self) -> bool:
        """Return True if the waiting calls justify another worker now."""
        now = time.monotonic()
        if self.starting + len(self.workers) < _AT_ONCE:
            return True
        if self.starting or now - self.started_at < _PAUSE or now - self.waiting[0].since < _PATIENCE:
            return False
        return self.pressure.since((worker.pid for worker in self.workers), now) < _CROWDED

    def settle(self, answer: Worker | Answer, calls: int = 1) -> bool:
        """Give `answer` to as many of the calls that wait the longest; return True if there was any."""
        served = min(calls, len(self.waiting))
        for _ in range(served):
            self.waiting.popleft().worker.set_result(answer)
        return served > 0


class Pool:
    """The pool of workers. It runs on one event loop, so its state needs no locks."""

    def __init__(self) -> None:
        self._fleets: dict[Key, _Fleet] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def invoke(self, key: Key, environment: Callable[[], Awaitable[Environment]], request: Request) -> Answer:
        """Run one invocation on a free worker, or on a new one in what `environment()` gives."""
        fleet = self._fleets.get(key) or self._fleets.setdefault(key, _Fleet(environment))
        worker = fleet.free()
        if worker is None:
            waiting = _Waiting(request.id, asyncio.get_running_loop().create_future())
            fleet.waiting.append(waiting)
            self._grow(fleet)
            worker = await waiting.worker
        if isinstance(worker, Answer):
            return renamed(worker, request.id)
        request.begin()
        try:
            return await worker.invoke(request.id, request.function_arn, request.event)
        finally:
            self._give_back(fleet, worker)

    def retire(self, account: str | None, region: str | None, function: str | None, version: str | None) -> None:
        """End the workers of a function, or of one version of it, as soon as each is free. None means any."""
        wanted = (account, region, function, version)
        for key in [key for key in self._fleets if all(w in (None, k) for w, k in zip(wanted, key, strict=False))]:
            fleet = self._fleets.pop(key)
            fleet.retired = True
            self._end(fleet, fleet.idle)

    def reap(self) -> None:
        """End workers that have been idle for long; call it from time to time."""
        before = time.monotonic() - _IDLE_SECONDS
        for fleet in self._fleets.values():
            self._end(fleet, [worker for worker in fleet.idle if worker.idle_since < before])

    def close(self) -> None:
        """End every worker now, in the middle of an invocation too."""
        self._closed = True
        workers = [worker for fleet in self._fleets.values() for worker in fleet.workers]
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.wait()

    def _grow(self, fleet: _Fleet) -> None:
        """Start a worker if the waiting calls need one, or check again soon."""
        if not fleet.waiting or self._closed:
            return
        if fleet.needs_one_more():
            fleet.starting += 1
            self._spawn(self._start(fleet, fleet.waiting[0].request_id))
        elif not fleet.starting and not fleet.looks_again:
            fleet.looks_again = True
            asyncio.get_running_loop().call_later(_PATIENCE, self._check_again, fleet)

    def _check_again(self, fleet: _Fleet) -> None:
        fleet.looks_again = False
        self._grow(fleet)

    async def _start(self, fleet: _Fleet, request_id: str) -> None:
        worker = None
        try:
            worker = Worker(await fleet.environment())
            fleet.workers.add(worker)
            fleet.failure = await worker.start(request_id)
        except Exception as error:
            while fleet.waiting:
                fleet.waiting.popleft().worker.set_exception(error)
            if worker is not None:
                self._end(fleet, [worker])
            return
        finally:
            fleet.starting -= 1
            fleet.started_at = time.monotonic()
        if fleet.failure is None:
            self._give_back(fleet, worker)
        else:
            fleet.workers.discard(worker)
            fleet.failed_at = fleet.started_at
            fleet.settle(fleet.failure, len(fleet.waiting))

    def _give_back(self, fleet: _Fleet, worker: Worker) -> None:
        worker.idle_since = time.monotonic()
        usable = worker.alive and not self._closed
        if usable and fleet.settle(worker):
            pass
        elif usable and not fleet.retired:
            fleet.idle.append(worker)
        else:
            self._end(fleet, [worker])
        self._grow(fleet)

    def _end(self, fleet: _Fleet, workers: Iterable[Worker]) -> None:
        for worker in list(workers):
            fleet.workers.discard(worker)
            if worker in fleet.idle:
                fleet.idle.remove(worker)
            self._spawn(worker.end())

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
