"""Serve the viewer's page and its events on loopback. Only reading requests have an answer.

Events: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra.release.cli.reader import Feed
from infra.release.viewer.assets import Asset

HOST = "127.0.0.1"
EVENTS = "/events"
MOST_VIEWERS = 16
BEAT = 15.0
"""Seconds after which a viewer without news gets a comment, by which a closed page is noticed."""
HEADERS = {
    # Only this server's own files; no page of another site may frame this one.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Viewer(ThreadingHTTPServer):
    """The server. port: 0 for any that is free."""

    daemon_threads = True

    def __init__(self, port: int, files: Mapping[str, Asset], feed: Feed) -> None:
        super().__init__((HOST, port), Answer)
        self.files, self.feed = files, feed

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}/"

    @property
    def names(self) -> frozenset[str]:
        """The values of Host that a browser sends to this machine; others are of a site that resolves to it."""
        port = self.server_address[1]
        return frozenset({f"{HOST}:{port}", f"localhost:{port}"})


class Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Viewer
    server_version, sys_version = "strata", ""

    def do_GET(self) -> None:
        if self.headers.get("Host") not in self.server.names:
            self._say(HTTPStatus.FORBIDDEN, f"open {self.server.url} on this machine; no other name is served")
        elif self.path == EVENTS:
            self._events()
        elif (asset := self.server.files.get(self.path)) is not None:
            self._send(HTTPStatus.OK, asset)
        else:
            self._say(HTTPStatus.NOT_FOUND, f"nothing is at {self.path}; open {self.server.url}")

    def log_message(self, *_: object) -> None:
        """Requests are not printed."""

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._send(status, Asset("text/plain; charset=utf-8", f"{text}\n".encode()))

    def _send(self, status: HTTPStatus, asset: Asset) -> None:
        self._begin(status, asset.type, {"Content-Length": str(len(asset.content))})
        self.wfile.write(asset.content)

    def _begin(self, status: HTTPStatus, type_: str, more: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": type_, **HEADERS, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def _events(self) -> None:
        """Send each snapshot until the page is closed."""
        feed, number = self.server.feed, 0
        if feed.viewers >= MOST_VIEWERS:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_VIEWERS} pages are open already; close one")
            return
        with feed:
            try:
                self._begin(HTTPStatus.OK, "text/event-stream", {})
                while not feed.over:
                    if (news := feed.after(number, BEAT)) is None:
                        self.wfile.write(b": nothing new\n\n")
                        continue
                    number, seen = news
                    self.wfile.write(f"data: {json.dumps(seen.as_json())}\n\n".encode())
            except OSError:  # the page was closed
                self.close_connection = True
