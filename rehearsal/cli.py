"""The command line that the rehearsals share: options, slowing down on a busy machine, exit codes."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from infra.console import print_anywhere
from rehearsal.console import Narrator
from rehearsal.environment import pace
from rehearsal.environment.processes import ProgramError, end_on_sigterm
from rehearsal.environment.workspace import ScratchError, scrubbed
from rehearsal.github_actions.expressions import WorkflowError

REQUESTS = 45.0  # per simulated minute: a 10 % canary of ten minutes then gets twice the requests that it needs


def options(prog: str, about: str | None, report: Path, requests: float = REQUESTS) -> argparse.ArgumentParser:
    """Return the parser of a rehearsal. Unless others are given there are so many `requests` in a simulated minute, and
    the report is written to `report`; see `parsed`."""
    parser = argparse.ArgumentParser(prog=prog, description=about)
    how_fast = "simulated seconds per real second; lowered if this machine is busy (default: %(default)g)"
    parser.add_argument("--factor", type=float, default=40.0, help=how_fast)
    how_strict = "enforce IAM policies on each call; jobs have tokens, not keys"
    parser.add_argument("--enforce", action="store_true", help=how_strict)
    how_much = f"requests per real second at that factor (default: {requests:g} in a simulated minute)"
    parser.add_argument("--rate", type=float, help=how_much)
    parser.set_defaults(requests=requests)
    parser.add_argument("--report", type=Path, default=report, help="file for the report (default: %(default)s)")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line. If --rate was not typed it is that of the default requests in a simulated minute."""
    given = parser.parse_args()
    if given.rate is None:
        given.rate = given.requests * given.factor / 60
    return given


def slowed(factor: float, narrator: Narrator) -> float:
    """Return `factor`, or a lower one if this machine is busy, which is then printed."""
    suited, why = pace.at_first(factor)
    if why:
        narrator.say(why)
    return suited


def run_guarded(name: str, act: Callable[[], int]) -> int:
    """Run `act` and return its exit code; 1, with `name` and the reason on stderr, if it fails; 130 if interrupted.

    The process environment is scrubbed first, so that no AWS or Pulumi client finds the user's own accounts.
    """
    environment = scrubbed(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    end_on_sigterm()
    print_anywhere()
    try:
        return act()
    except (ScratchError, ProgramError, WorkflowError) as problem:
        Console(file=sys.stderr, highlight=False).print(f"{name}: {problem}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
