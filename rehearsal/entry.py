"""How each command of this package begins and ends."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from rehearsal.actions.expressions import WorkflowError
from rehearsal.processes import ProgramError, end_on_sigterm
from rehearsal.scratch import ScratchError, scrubbed


def options(prog: str, about: str | None, rate: float, report: Path) -> argparse.ArgumentParser:
    """The command line of a rehearsal. `rate` and `report`: what they are where nothing else is said."""
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument(
        "--factor", type=float, default=40.0, help="simulated seconds per real second (default: %(default)g)"
    )
    parser.add_argument("--enforce", action="store_true", help="ask IAM's policies before each call; nobody has a key")
    parser.add_argument("--rate", type=float, default=rate, help="requests per real second (default: %(default)g)")
    parser.add_argument("--report", type=Path, default=report, help="where the report goes (default: %(default)s)")
    return parser


def guarded(name: str, act: Callable[[], int]) -> int:
    """`act`'s exit code; 1, with the reason after `name`, where it could not be done, and 130 where it was interrupted.

    Nothing in this process finds the user's accounts.
    """
    environment = scrubbed(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    end_on_sigterm()
    try:
        return act()
    except (ScratchError, ProgramError, WorkflowError) as problem:
        Console(file=sys.stderr, highlight=False).print(f"{name}: {problem}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
