"""Wakes the readers of all mappings whenever a source has gained something."""

import threading
from typing import Any

from local.cloud.ministack import PatchError, ministack
from local.cloud.sources import mappings
from local.cloud.sources.turns import TURNS


class Poller:
    """Steps every reader soon after it is woken, once however often that was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._woken = False

    def wake(self) -> None:
        """Step every reader soon. From any thread."""
        with self._lock:
            if self._woken:
                return
            self._woken = True
        TURNS.soon(self._step)

    def _step(self) -> None:
        with self._lock:
            self._woken = False
        for mapping in list(mappings.every()):
            if mapping.reader is not None and mapping.polled():
                mapping.reader.step()


POLLER = Poller()


def install() -> None:
    """Be woken where ministack wakes its own poller, which never starts here. Raises PatchError if it has none."""
    event: Any = getattr(ministack("core.concurrency"), "esm_wake", None)
    if not isinstance(event, threading.Event):
        raise PatchError("core.concurrency.esm_wake is missing, by which the sources of events are woken")
    event.set = POLLER.wake  # type: ignore[method-assign]
