"""A patch of hypercorn: its connections."""

from typing import Any

from hypercorn.asyncio import run
from hypercorn.asyncio.tcp_server import TCPServer

from local.cloud.faults.door import HANG_UP


class Connection(TCPServer):
    """Hypercorn's, but gone with its client, since hypercorn's own keeps the socket for the whole idle timeout.

    And a request can close it without an answer, which ASGI has no message for.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state = {**self.state, HANG_UP: self.writer.transport.abort}

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


def install() -> None:
    """Serve with it."""
    run.TCPServer = Connection  # type: ignore[assignment, attr-defined]
