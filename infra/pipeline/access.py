"""`access`: with which role, and on which state, a job works on a stack; from what `bootstrap/` is configured with."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.identity.access import Access
from infra.identity.explain import BOOTSTRAP, AssumableRole, every
from infra.permissions import backend
from infra.permissions.trust import GITHUB
from infra.pipeline.output import USAGE, PipelineError, Stack, answering, hand_on, short


class To(StrEnum):
    """What the role is wanted for."""

    DEPLOY = "deploy"
    PREVIEW = "preview"
    BUILD = "build"  # and keep the bundles, which is of no one stack


def access(
    *,
    stack: Stack,
    to: Annotated[To, typer.Option(help="What the role is wanted for.")] = To.DEPLOY,
    folder: Annotated[Path, typer.Option(help="Where Pulumi.ACCOUNT.yaml of the accounts are.")] = BOOTSTRAP,
) -> None:
    """Say the role's ARN, the region, and what to give `pulumi login`; in a job, as outputs of the step."""
    with answering():
        door = the_one(every(folder), short(stack), to)
        hand_on(role=door.arn, region=door.place.region, **_state(door))


def _state(door: AssumableRole) -> dict[str, str]:
    """Where the stack's state is; nothing for the role that reaches no stack."""
    return {"backend": backend(door.access.names.project, door.place)} if isinstance(door.access, Access) else {}


def the_one(doors: Iterable[AssumableRole], stack: str, to: To) -> AssumableRole:
    """The role that GitHub's jobs take. Raises PipelineError where none is configured, or several."""
    github = [door for door in doors if door.access.tokens[0].issuer == GITHUB and _for(door) is to]
    found = [door for door in github if to is To.BUILD or door.access.serves == stack]
    if len(found) == 1:
        return found[0]
    what = "the role that builds" if to is To.BUILD else f"stack {stack}"
    if found:
        accounts = ", ".join(door.place.account for door in found)
        raise PipelineError(
            f"{what} is in the accounts {accounts}, and a job takes one role; configure it in one",
            USAGE,
        )
    known = ", ".join(sorted({door.access.serves or "that builds" for door in github})) or "none"
    raise PipelineError(f"{what} is in no account that bootstrap/ is configured with; those that are: {known}", USAGE)


def _for(door: AssumableRole) -> To:
    if not isinstance(door.access, Access):
        return To.BUILD
    return To.DEPLOY if door.access.changes else To.PREVIEW
