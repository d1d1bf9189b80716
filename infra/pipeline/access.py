"""`access`: with which role, and on which state, a job works on a stack; from what `bootstrap/` is configured with."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.permissions import backend
from infra.permissions.explain import BOOTSTRAP, Door, every
from infra.permissions.tokens import GITHUB
from infra.pipeline.told import USAGE, PipelineError, Stack, answering, hand_on


class To(StrEnum):
    """What the role is wanted for."""

    DEPLOY = "deploy"
    PREVIEW = "preview"


def access(
    *,
    stack: Stack,
    to: Annotated[To, typer.Option(help="What the role is wanted for.")] = To.DEPLOY,
    folder: Annotated[Path, typer.Option(help="Where Pulumi.ACCOUNT.yaml of the accounts are.")] = BOOTSTRAP,
) -> None:
    """Say the role's ARN, the region, and what to give `pulumi login`; in a job, as outputs of the step."""
    with answering():
        door = the_one(every(folder), stack, to)
        names, place = door.access.names, door.place
        hand_on(role=door.access.arn(place), region=place.region, backend=backend(names.project, place))


def the_one(doors: Iterable[Door], stack: str, to: To) -> Door:
    """The role that GitHub's jobs take. Raises PipelineError where none is configured, or several."""
    github = [door for door in doors if door.access.token.issuer == GITHUB and door.access.changes == (to is To.DEPLOY)]
    found = [door for door in github if door.access.names.stack == stack]
    if len(found) == 1:
        return found[0]
    if found:
        accounts = ", ".join(door.place.account for door in found)
        raise PipelineError(
            f"stack {stack} is in the accounts {accounts}, and a job takes one role; give its account alone in "
            "strata-bootstrap:account.allowedAccountIds",
            USAGE,
        )
    known = ", ".join(sorted({door.access.names.stack for door in github})) or "none"
    raise PipelineError(
        f"stack {stack!r} is in no account that bootstrap/ is configured with; those that are: {known}", USAGE
    )
