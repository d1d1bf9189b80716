"""What all of the operator's commands share: options, exit codes, and how they answer an error of the release."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from infra import console
from infra.console import Exit
from infra.release.model.spec import ReleaseError

Stack = Annotated[str, typer.Option(help="The Pulumi stack whose release it is.")]
Function = Annotated[str, typer.Option(help="Only this function of the stack; else all of them.")]

EXIT_CODES = (
    "Exit codes: 0 done, and all is well; 1 something is wrong or went back, which the answer names; "
    "2 wrong usage; 3 refused, and nothing was done; 4 unknown: no such stack, no credentials, or AWS unreachable."
)

answering = partial(console.answering, {ReleaseError: Exit.UNKNOWN})
