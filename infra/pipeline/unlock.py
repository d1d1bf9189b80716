"""`unlock`: let go the lock that a job left which was cancelled, timed out, or lost its machine."""

from __future__ import annotations

import getpass
import socket
from typing import Annotated

import typer

from infra.pipeline.output import BAD, PipelineError, Stack, answering
from infra.release.cli import state_lock
from infra.release.cli.state_lock import Holder

Alone = Annotated[
    bool,
    typer.Option(
        "--alone", help="Nothing else of this user's name works on the stack now: a concurrency group sees to it."
    ),
]


def unlock(*, stack: Stack, alone: Alone = False) -> None:
    """Let go the stack's lock where whoever holds it is gone; leave it where they may not be, which is an error.

    A process of this machine is looked for. One of another machine is taken for gone with --alone, and only where its
    user has this one's name: every runner is `runner`, and a person is not. The canary that it watched goes on.
    """
    with answering():
        held = state_lock.held(stack)
        if not held:
            typer.echo(f"stack {stack} is not locked")
            return
        who = " and ".join(map(str, held))
        if stays := [each for each in held if not is_gone(each, alone=alone)]:
            raise PipelineError(
                f"stack {stack} is locked by {who}; wait for {' and '.join(map(str, stays))}, or run "
                f"`pulumi cancel --stack {stack}` where it is gone",
                BAD,
            )
        state_lock.cancel(stack)
        typer.echo(f"stack {stack} was locked by {who}, who is gone: the lock is let go")


def is_gone(holder: Holder, *, alone: bool) -> bool:
    """Whether nobody can be working under this lock any more."""
    if holder.host == socket.gethostname():
        return bool(state_lock.is_lost(holder))
    return alone and holder.user == getpass.getuser()
