"""Callers call the route of every generated service, and know which calls failed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rehearsal.generated.callers import Callers


class Served:
    """An API that answers 200, but 500 on /raising and nothing on /refused; `enough` is set after so many calls."""

    def __init__(self, calls: int) -> None:
        self.left = threading.Semaphore(calls - 1)
        self.enough = threading.Event()
        self.seen: list[tuple[str, str]] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve while the block runs; yield the URL, by a name that no resolver knows."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append((self.headers["Host"], self.path))
                if not outer.left.acquire(blocking=False):
                    outer.enough.set()
                if self.path != "/refused":
                    self.send_response(500 if self.path == "/raising" else 200)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://api.invalid:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_routes_are_called_by_turns_and_failures_are_counted_by_service() -> None:
    api = Served(calls=30)
    with api.serving() as url:
        with Callers(url, ["good", "raising", "refused"], rate=1000.0) as callers:
            assert api.enough.wait(300)
        assert {host for host, _ in api.seen} == {url.removeprefix("http://")}
    assert {path for _, path in api.seen} == {"/good", "/raising", "/refused"}
    assert callers.calls.total() == len(api.seen) >= 30
    assert min(callers.calls.values()) >= 9
    assert callers.failed["good"] == 0
    assert {name: callers.failed[name] for name in ("raising", "refused")} == {
        name: callers.calls[name] for name in ("raising", "refused")
    }
    assert callers.status == f"{callers.calls.total()} calls, {callers.failed.total()} failed so far"


def test_no_route_is_called_after_the_block() -> None:
    api = Served(calls=5)
    with api.serving() as url:
        with Callers(url, ["good"], rate=1000.0):
            assert api.enough.wait(300)
        made = len(api.seen)
        assert threading.Event().wait(0.05) is False
        assert len(api.seen) == made
