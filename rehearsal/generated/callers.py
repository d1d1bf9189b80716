"""Calls the routes of generated services by turns at a fixed rate, however long the answers take."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from rehearsal.observe.traffic import Api

AT_ONCE = 8  # calls in flight at most
LONGEST = 60.0  # seconds until a call counts as failed


class Callers:
    """Calls GET /NAME of each of `names`, `rate` times a second in total, while the `with` block runs.

    `calls` and `failed` count by name: a call has failed unless its answer is 200.
    """

    def __init__(self, api_url: str, names: Sequence[str], rate: float) -> None:
        self.calls: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._api, self._names, self._rate = Api.at(api_url), names, rate
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._arrive, name="callers", daemon=True)

    @property
    def status(self) -> str:
        """Return the counts so far, in one line."""
        return f"{self.calls.total()} calls, {self.failed.total()} failed so far"

    def _arrive(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            begun, count = time.monotonic(), 0
            while not self._over.wait(max(0.0, begun + count / self._rate - time.monotonic())):
                pool.submit(self._call, self._names[count % len(self._names)])
                count += 1
            pool.shutdown(cancel_futures=True)

    def _call(self, name: str) -> None:
        try:
            failed = self._status(name) != http.client.OK
        except (OSError, http.client.HTTPException):
            failed = True
        with self._lock:
            self.calls[name] += 1
            self.failed[name] += failed

    def _status(self, name: str) -> int:
        address = urlsplit(self._api.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=LONGEST)
        try:
            connection.request("GET", f"{address.path}/{name}", headers=dict(self._api.headers))
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
