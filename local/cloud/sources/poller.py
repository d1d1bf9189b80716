"""Puts a poll of all mappings on the timeline whenever a source has gained something.

A poll that would find nothing is left out: it changes nothing.
"""

import logging
import math
import threading
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.ministack import PatchError, ministack
from local.cloud.sources import mappings, polls
from local.cloud.timeline import TIMELINE

_LOG = logging.getLogger(__name__)


class Poller:
    """Polls every reader at the next poll after it is woken, once however often that was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due = -math.inf

    def wake(self) -> None:
        """Poll every reader soon. From any thread."""
        due = polls.following(CLOCK.now())
        with self._lock:
            if due == self._due:
                return
            self._due = due
        TIMELINE.at(due, self._poll)

    @staticmethod
    def _poll() -> None:
        for mapping in list(mappings.every()):
            if mapping.reader is not None and mapping.polled():
                try:
                    mapping.reader.poll()
                except Exception:
                    _LOG.exception("the source of mapping %s could not be read", mapping.id)


POLLER = Poller()


def install() -> None:
    """Be woken where ministack wakes its own poller, which never starts here. Raises PatchError if it has none."""
    event: Any = getattr(ministack("core.concurrency"), "esm_wake", None)
    if not isinstance(event, threading.Event):
        raise PatchError("core.concurrency.esm_wake is missing, by which the sources of events are woken")
    event.set = POLLER.wake  # type: ignore[method-assign]
