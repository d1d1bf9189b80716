"""The machine of one job: its folder, what its steps have set, and what ends with it."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.environment.processes import Program

Outputs = Mapping[str, str]


class StepFailed(Exception):  # noqa: N818 - a step that fails is an outcome, and nothing is wrong here
    """Why an action would have failed its step."""


@dataclass
class Machine:
    """Where a job runs. `env`: what its steps see; what an action exports is put there. `permissions`: of the job's
    token; `environment`: GitHub's; `sha`: the commit that the run is of."""

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
        """Lose the machine: what runs on it is killed, and no later step of the job runs, whatever its `if`."""
        self.lost = True
        if self.at_work is not None:
            self.at_work.kill()

    @property
    def folder(self) -> Path:
        """Where the repository is checked out, and each `run:` begins."""
        return self.root / "strata"


@dataclass(frozen=True)
class StandIn:
    """What stands in for an action. `heeds`: the keys of `with` that it knows; any other is an error."""

    heeds: frozenset[str]
    act: Callable[[Machine, Mapping[str, str]], Outputs]
