"""`access` prints the role that a job assumes for a stack, and the state's URL, as bootstrap/ is configured."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.console import UsageError
from infra.identity.access import Access
from infra.identity.explain import BOOTSTRAP, AssumableRole, every
from infra.permissions import backend
from infra.permissions.trust import GITHUB
from infra.pipeline.output import Stack, answering, set_output, short


class To(StrEnum):
    """The purpose of the role."""

    DEPLOY = "deploy"
    PREVIEW = "preview"
    BUILD = "build"  # build and publish the bundles, for all stacks


def access(
    *,
    stack: Stack,
    to: Annotated[To, typer.Option(help="The purpose of the role.")] = To.DEPLOY,
    folder: Annotated[Path, typer.Option(help="The folder with the accounts' Pulumi.ACCOUNT.yaml.")] = BOOTSTRAP,
) -> None:
    """Print the role's ARN, the region, and the URL for `pulumi login`; in a job, as outputs of the step."""
    with answering():
        role = the_one(every(folder), short(stack), to)
        set_output(role=role.arn, region=role.place.region, **_state(role))


def _state(role: AssumableRole) -> dict[str, str]:
    """Return the output with the URL of the stack's state; none for the build role, which reaches no stack."""
    return {"backend": backend(role.access.names.project, role.place)} if isinstance(role.access, Access) else {}


def the_one(roles: Iterable[AssumableRole], stack: str, to: To) -> AssumableRole:
    """Return the role that GitHub's jobs assume. Raises CommandError where none or several are configured."""
    github = [role for role in roles if role.access.tokens[0].issuer == GITHUB and _for(role) is to]
    found = [role for role in github if to is To.BUILD or role.access.serves == stack]
    if len(found) == 1:
        return found[0]
    what = "the build role" if to is To.BUILD else f"stack {stack}"
    if found:
        accounts = ", ".join(role.place.account for role in found)
        raise UsageError(
            f"{what} is in the accounts {accounts}, and a job assumes one role; configure it in one account"
        )
    known = ", ".join(sorted({role.access.serves or "the build role" for role in github})) or "none"
    raise UsageError(f"{what} is in no account of bootstrap/'s configuration; configured are: {known}")


def _for(role: AssumableRole) -> To:
    if not isinstance(role.access, Access):
        return To.BUILD
    return To.DEPLOY if role.access.changes else To.PREVIEW
