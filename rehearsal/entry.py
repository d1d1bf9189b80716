"""How each command of this package begins and ends."""

import os
import sys
from collections.abc import Callable

from rich.console import Console

from rehearsal.actions.expressions import WorkflowError
from rehearsal.processes import ProgramError, end_on_sigterm
from rehearsal.scratch import ScratchError, scrubbed


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
