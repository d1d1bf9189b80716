"""`view`: serve a page on this machine that shows a release live."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.console import UsageError
from infra.release.cli.output import ReleaseOf, Stack, answering
from infra.release.cli.reader import Feed, Reader
from infra.release.viewer.assets import assets
from infra.release.viewer.server import HOST, Viewer


def view(
    *,
    stack: Stack,
    function: ReleaseOf = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any that is free.")] = 0,
) -> None:
    """Serve a page on 127.0.0.1 that shows live what a release does. It changes nothing. Ctrl-C ends it.

    It reads AWS only while the page is open somewhere: every ten seconds while a release is in flight, else twice a
    minute. Where there is no release yet, or AWS does not answer, the page says so and it tries again.
    """
    with answering(as_json=False):
        feed = Feed(Reader(stack, function, orders=True))
        try:
            server = Viewer(port, assets(), feed)
        except OSError as problem:
            raise UsageError(f"--port is {port}, which {HOST} does not give: {problem.strerror}; give 0") from None
    typer.echo(f"{stack}: {server.url}")
    feed.start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        feed.stop()
        server.server_close()
