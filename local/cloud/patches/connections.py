"""A patch of hypercorn: its connections."""

from hypercorn.asyncio import run
from hypercorn.asyncio.tcp_server import TCPServer


class Connection(TCPServer):
    """Hypercorn's, but gone with its client: hypercorn's own keeps the socket for the whole idle timeout."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


def install() -> None:
    """Serve with it."""
    run.TCPServer = Connection  # type: ignore[attr-defined]
