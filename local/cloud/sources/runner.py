"""Runs what the readers of sources decide: invocations in threads of their own, and access to the sources on the event
loop, which alone changes them."""

import asyncio
import contextvars
import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from local.cloud.ministack import ministack
from local.cloud.routing.call import OUTCOME, Outcome
from local.cloud.sources.mappings import Mapping
from local.cloud.timeline import TIMELINE, Hold

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)


class _Loop:
    """The event loop that serves requests, once the server runs."""

    running: asyncio.AbstractEventLoop | None = None


LOOP = _Loop()


def on_loop(mapping: Mapping, read: Callable[[], _T]) -> _T:
    """Return the result of `read` in the mapping's account and region, on the event loop."""

    def scoped() -> _T:
        with mapping.scope():
            return read()

    return on_the_loop(scoped)


def on_the_loop(read: Callable[[], _T]) -> _T:
    """Return the result of `read` on the event loop; called there, or before it runs, at once."""
    if LOOP.running is None or asyncio._get_running_loop() is LOOP.running:
        return read()

    async def there() -> _T:
        return read()

    return asyncio.run_coroutine_threadsafe(there(), LOOP.running).result()


@dataclass(frozen=True)
class Invocation:
    """What came of one invocation. One that never ran has no version: it was throttled, or the function is gone."""

    ran: bool
    error: bool = False
    body: Any = None
    version: str = ""
    request_id: str = ""


def invoke(
    mapping: Mapping, records: Sequence[Any], then: Callable[[Invocation], None], *, iterator_age: float | None = None
) -> None:
    """Invoke the mapping's function with `records`, at the timeline's present moment, which `then` ends.

    iterator_age: of a stream's last record, in simulated milliseconds.
    """
    hold = TIMELINE.hold()

    def run() -> None:
        try:
            result = _invoked(mapping, records, hold, iterator_age)
        except Exception:
            _LOG.exception("mapping %s could not invoke its function", mapping.id)
            result = Invocation(ran=False)
        TIMELINE.end(hold, lambda: then(result))

    threading.Thread(target=contextvars.Context().run, args=(run,), name="event source", daemon=True).start()


def _invoked(mapping: Mapping, records: Sequence[Any], hold: Hold, iterator_age: float | None) -> Invocation:
    outcome = Outcome(request_id=str(uuid.uuid4()), iterator_age=iterator_age, hold=hold)
    OUTCOME.set(outcome)
    with mapping.scope():
        function = mapping.function()
        if function is None:
            return Invocation(ran=False)
        result = ministack("services.lambda_svc")._execute_function(function, {"Records": list(records)})
    return Invocation(
        ran=not (outcome.throttled or result.get("throttle")),
        error=bool(result.get("error")),
        body=result.get("body"),
        version=outcome.version or "",
        request_id=outcome.request_id,
    )
