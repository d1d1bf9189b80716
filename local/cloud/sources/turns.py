"""The one thread on which sources of events are read, so that what reads them needs no locks.

What is due later (a retry, the end of a window) waits on the timeline, and comes here when it is due. What can be done
at once does not wait there: the timeline delays what is due while calls run, and a stream is read one batch after the
other, so under many calls each batch would wait for the slowest of them.
"""

import logging
import queue
import threading
from collections.abc import Callable

from local.cloud.timeline import TIMELINE

_LOG = logging.getLogger(__name__)
Deed = Callable[[], None]


class Turns:
    """Does deeds one after the other, in a thread that starts with the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deeds: queue.SimpleQueue[Deed] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def soon(self, deed: Deed) -> None:
        """Do `deed` after those that came before. From any thread."""
        self._deeds.put(deed)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sources of events", daemon=True)
                self._thread.start()

    def at(self, due: float, deed: Deed) -> None:
        """Do `deed` once the timeline reaches `due`."""
        TIMELINE.at(due, lambda: self.soon(deed))

    def _run(self) -> None:
        while True:
            deed = self._deeds.get()
            try:
                deed()
            except Exception:
                _LOG.exception("a source of events could not be read")


TURNS = Turns()
