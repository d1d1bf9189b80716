"""A patch of hypercorn: its connections."""

from typing import Any

from hypercorn.asyncio import run
from hypercorn.asyncio.tcp_server import TCPServer

from local.cloud.faults.door import HANG_UP


class Connection(TCPServer):
    """Hypercorn's connection, which closes with its client; hypercorn's own keeps the socket for the whole idle
    timeout.

    A request can also close it without an answer, for which ASGI has no message.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state = {**self.state, HANG_UP: self.writer.transport.abort}

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


def install() -> None:
    """Make hypercorn use this connection."""
    run.TCPServer = Connection  # type: ignore[assignment, attr-defined]
