"""Invokes the aliases of a fleet by turns at a fixed rate, however long the answers take."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Protocol, Self

from botocore.exceptions import BotoCoreError, ClientError

AT_ONCE = 8  # calls in flight at most


class Lambda(Protocol):
    """The part of boto3's Lambda client that is used."""

    def invoke(self, *, FunctionName: str, Qualifier: str) -> Any: ...  # noqa: N803  boto3's names


class Callers:
    """Invokes `functions` by `alias`, `rate` times a second in total, while the `with` block runs.

    `calls` and `failed` count by function: a call has failed if the function raised or Lambda refused the call.
    """

    def __init__(self, client: Lambda, functions: Sequence[str], alias: str, rate: float) -> None:
        self.calls: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._client, self._functions, self._alias, self._rate = client, functions, alias, rate
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
                pool.submit(self._call, self._functions[count % len(self._functions)])
                count += 1
            pool.shutdown(cancel_futures=True)

    def _call(self, function: str) -> None:
        try:
            failed = "FunctionError" in self._client.invoke(FunctionName=function, Qualifier=self._alias)
        except (BotoCoreError, ClientError):
            failed = True
        with self._lock:
            self.calls[function] += 1
            self.failed[function] += failed

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
