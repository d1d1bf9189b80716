"""The workflows as data, for the rules."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github/workflows"
HERE = "./.github/workflows/"  # how a job calls a workflow of this repository
MAKE = re.compile(r"make ([a-z-]+)")


@dataclass(frozen=True)
class Step:
    """One step. `what` is its name in the rules: the action without its commit, or the command."""

    written: Mapping[str, Any]

    @property
    def uses(self) -> str:
        return str(self.written.get("uses", ""))

    @property
    def run(self) -> str:
        return str(self.written.get("run", ""))

    @property
    def target(self) -> str:
        """Return the make target that is run; empty where something else is."""
        found = MAKE.fullmatch(self.run)
        return found[1] if found else ""

    @property
    def what(self) -> str:
        return self.uses.partition("@")[0] or self.run


@dataclass(frozen=True)
class Job:
    """One job of one workflow."""

    workflow: str
    name: str
    written: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.workflow}: job {self.name}"

    @property
    def steps(self) -> list[Step]:
        return [Step(each) for each in self.written.get("steps", ())]

    @property
    def calls(self) -> str:
        """Return the workflow of this repository that the job calls; empty where it has steps of its own."""
        return str(self.written.get("uses", "")).removeprefix(HERE)

    @property
    def what(self) -> list[str]:
        """Return the names of its steps, or the workflow that it calls."""
        return [self.calls] if self.calls else [each.what for each in self.steps]

    @property
    def permissions(self) -> dict[str, str]:
        return dict(self.written.get("permissions", {"(the token's default)": "?"}))

    @property
    def session(self) -> Mapping[str, Any] | None:
        """Return the inputs of the step that assumes the role; None where there is none."""
        found = [each.written["with"] for each in self.steps if each.what == "aws-actions/configure-aws-credentials"]
        return found[0] if found else None


@dataclass(frozen=True)
class Workflow:
    """One file."""

    name: str
    text: str

    @classmethod
    def every(cls, folder: Path = FOLDER) -> list[Self]:
        return [cls(file.name, file.read_text()) for file in sorted(folder.glob("*.yml"))]

    @cached_property
    def written(self) -> dict[Any, Any]:
        found: dict[Any, Any] = yaml.load(self.text, yaml.CSafeLoader)
        return found

    @property
    def triggers(self) -> Mapping[str, Any]:
        """`on`, which YAML 1.1 takes for true."""
        found: Mapping[str, Any] = self.written[True]
        return found

    @property
    def jobs(self) -> list[Job]:
        return [Job(self.name, name, job) for name, job in self.written["jobs"].items()]


def jobs(workflows: list[Workflow]) -> Iterator[Job]:
    for workflow in workflows:
        yield from workflow.jobs


def targets(makefile: str) -> dict[str, str]:
    """Return the recipe of each target of the Makefile."""
    found = re.findall(r"^([a-z-]+):[^\n]*\n((?:\t.*\n?)*)", makefile, re.MULTILINE)
    return dict(found)
