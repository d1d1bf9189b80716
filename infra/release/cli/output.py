"""Options, exit codes and error handling that all of the operator's commands share."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from infra import console
from infra.console import Exit
from infra.release.model.spec import ReleaseError

Stack = Annotated[str, typer.Option(help="The Pulumi stack whose release the command is about.")]
Function = Annotated[str, typer.Option(help="Only this function of the stack. Default: all of them.")]
ReleaseOf = Annotated[str, typer.Option(help="Of several releases in the stack, the one with this function.")]

EXIT_CODES = (
    "Exit codes: 0 done, no problem found; 1 a problem or a rollback, which the answer names; "
    "2 wrong usage; 3 refused, nothing was done; 4 unknown: no such stack, no credentials, or AWS unreachable."
)

answering = partial(console.answering, {ReleaseError: Exit.UNKNOWN})
