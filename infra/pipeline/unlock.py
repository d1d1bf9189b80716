"""`unlock` releases the lock of a job that was cancelled, timed out, or lost its machine."""

from __future__ import annotations

import getpass
import socket
from typing import Annotated

import typer

from infra.console import FailedError
from infra.pipeline.output import Stack, answering
from infra.release.cli import state_lock
from infra.release.cli.state_lock import Holder

Alone = Annotated[
    bool,
    typer.Option(
        "--alone", help="No other job of this user's name works on the stack now: a concurrency group ensures it."
    ),
]


def unlock(*, stack: Stack, alone: Alone = False) -> None:
    """Release the stack's lock if its holder is gone; it is an error if the holder may still be at work.

    A holder on this machine is gone if its process is. One on another machine counts as gone with --alone, and only if
    its user has this one's name: every runner is `runner`, and a person is not. The canary that it watched goes on.
    """
    with answering():
        held = state_lock.held(stack)
        if not held:
            typer.echo(f"stack {stack} is not locked")
            return
        who = " and ".join(map(str, held))
        if stays := [each for each in held if not is_gone(each, alone=alone)]:
            raise FailedError(
                f"stack {stack} is locked by {who}; wait for {' and '.join(map(str, stays))}, or run "
                f"`pulumi cancel --stack {stack}` if it is gone",
            )
        state_lock.cancel(stack)
        typer.echo(f"stack {stack} was locked by {who}, which is gone: the lock is released")


def is_gone(holder: Holder, *, alone: bool) -> bool:
    """Return True if the lock's holder cannot be at work any more."""
    if holder.host == socket.gethostname():
        return bool(state_lock.is_lost(holder))
    return alone and holder.user == getpass.getuser()
