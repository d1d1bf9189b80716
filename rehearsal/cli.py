"""How each command of this package begins and ends."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from infra.release.cli.output import print_anywhere
from rehearsal.console import Story
from rehearsal.environment import pace
from rehearsal.environment.processes import ProgramError, end_on_sigterm
from rehearsal.environment.workspace import ScratchError, scrubbed
from rehearsal.github_actions.expressions import WorkflowError

REQUESTS = 45.0  # in a simulated minute: a canary of 10 % and ten minutes then has twice the evidence it must have


def options(prog: str, about: str | None, rate: float, report: Path) -> argparse.ArgumentParser:
    """The command line of a rehearsal. `rate` and `report`: what they are where nothing else is said; see `parsed`."""
    parser = argparse.ArgumentParser(prog=prog, description=about)
    how_fast = "simulated seconds per real second, fewer where this machine is busy (default: %(default)g)"
    parser.add_argument("--factor", type=float, default=40.0, help=how_fast)
    parser.add_argument("--enforce", action="store_true", help="ask IAM's policies before each call; nobody has a key")
    how_much = f"requests per real second at that factor (default: {rate:g}, more where a canary needs it)"
    parser.add_argument("--rate", type=float, help=how_much)
    parser.add_argument("--report", type=Path, default=report, help="where the report goes (default: %(default)s)")
    return parser


def parsed(parser: argparse.ArgumentParser, rate: float) -> argparse.Namespace:
    """What was typed. The requests are `rate` a second where nothing else was, and enough for a canary's evidence."""
    given = parser.parse_args()
    if given.rate is None:
        given.rate = max(rate, REQUESTS * given.factor / 60)
    return given


def slowed(factor: float, story: Story) -> float:
    """The factor that was asked for, or a lower one where this machine is busy, which the story says."""
    got = pace.share()
    suited = pace.suited(factor, factor, got)
    if suited < factor:
        story.say(pace.slowed(factor, suited, got))
    return suited


def guarded(name: str, act: Callable[[], int]) -> int:
    """`act`'s exit code; 1, with the reason after `name`, where it could not be done, and 130 where it was interrupted.

    Nothing in this process finds the user's accounts.
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
