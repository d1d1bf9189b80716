"""The machine of one job: its folder, what its steps have set, and what stops when the job ends."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.environment.processes import Program

Outputs = Mapping[str, str]


class StepFailed(Exception):  # noqa: N818 - a step that fails is an outcome, and nothing is wrong here
    """An action fails its step; the message says why."""


@dataclass
class Machine:
    """The machine on which a job runs. `env`: the variables that its steps see, with those that actions export;
    `permissions`: of the job's token; `environment`: GitHub's; `sha`: the run's commit."""

    root: Path
    environment: str
    permissions: Mapping[str, str]
    sha: str
    env: dict[str, str]
    running: ExitStack
    with_pulumi: bool = False
    said: list[str] = field(default_factory=list)
    at_work: Program | None = None
    lost: bool = False

    def lose(self) -> None:
        """Lose the machine: its processes are killed, and no later step of the job runs, whatever its `if`."""
        self.lost = True
        if self.at_work is not None:
            self.at_work.kill()

    @property
    def folder(self) -> Path:
        """Return the folder of the check-out, in which each `run:` starts."""
        return self.root / "strata"


@dataclass(frozen=True)
class StandIn:
    """Stands in for an action. `accepts`: the keys of `with` that it knows; any other is an error."""

    accepts: frozenset[str]
    act: Callable[[Machine, Mapping[str, str]], Outputs]
