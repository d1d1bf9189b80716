"""Serves the viewer of a sandbox's release beside it, from this checkout, in the environment of its commands."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rehearsal.environment.processes import Program, ProgramError
from rehearsal.environment.sandbox import REPOSITORY, STACK, Sandbox

LONGEST_START = 120.0  # seconds
URL = re.compile(r"http://127\.0\.0\.1:\d+/")


@contextmanager
def running(stage: Sandbox) -> Iterator[str]:
    """Serve the page while the block runs, and yield its address. Raises ProgramError if it does not start."""
    # -P: the copy, where `pulumi` finds its stack, is not where this code comes from.
    command = [sys.executable, "-P", "-u", "-m", "infra.release", "view", "--stack", STACK]
    log = stage.scratch.root / "viewer.log"
    env = {**stage.env, "PYTHONPATH": str(REPOSITORY)}
    with Program(command, env=env, cwd=stage.scratch.project, log=log) as program:
        yield _address(program)


def _address(program: Program) -> str:
    deadline = time.monotonic() + LONGEST_START
    while (found := URL.search(program.last_words())) is None:
        if program.exit_code is not None or time.monotonic() > deadline:
            raise ProgramError(f"`{program.name}` serves no page:\n{program.last_words()}")
        time.sleep(0.05)
    return found[0]
