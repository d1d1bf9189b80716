"""Serves an ASGI application over HTTP, by uvicorn."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.cloud.faults.door import HANG_UP

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 0.5


class Connection(HttpToolsProtocol):
    """A connection that a request can also close without an answer, for which ASGI has no message."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add what closes the connection to the state that each request gets."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, HANG_UP: transport.abort}


class _Server(uvicorn.Server):
    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals to the caller."""
        return contextlib.nullcontext()


async def serve(
    application: Callable[..., Awaitable[Any]], listener: socket.socket, stop: asyncio.Event, end: Callable[[], None]
) -> None:
    """Serve until `stop` is set; `end` is called then, so that requests in flight end."""
    config = uvicorn.Config(
        application,
        interface="asgi3",
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # a caller's X-Forwarded-For is its own claim
        date_header=False,  # AWS's answers have their own
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        reset_contextvars=True,  # a request must not find the account of another
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    end()
    server.should_exit = True
    await asyncio.wait({serving}, timeout=_GRACE_SECONDS)
