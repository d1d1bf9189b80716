"""Parses a workflow into data. Pure. An unknown key is an error and is never ignored.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml  # type: ignore[import-untyped]

from rehearsal.github_actions.expressions import WorkflowError

HERE = "./"  # begins `uses:` if a job calls a workflow of its own repository
# The keys that are run, and those that have no use on this machine: runners, time limits, and queues of other runs.
WORKFLOW = {"name", "on", "permissions", "env", "jobs"} | {"concurrency"}
JOB = {"name", "needs", "if", "uses", "with", "permissions", "environment", "env", "outputs", "steps"} | {
    "runs-on",
    "timeout-minutes",
    "concurrency",
}
STEP = {"name", "id", "if", "uses", "with", "run", "env"}


@dataclass(frozen=True)
class Step:
    """One step; `action` is its `uses` without the pinned commit."""

    name: str
    id: str = ""
    condition: str = ""
    uses: str = ""
    run: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def action(self) -> str:
        return self.uses.partition("@")[0]


@dataclass(frozen=True)
class Job:
    """One job. `calls`: the file of the workflow that it runs; empty if it has steps of its own."""

    id: str
    needs: tuple[str, ...] = ()
    condition: str = ""
    calls: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    permissions: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Workflow:
    """One file; `inputs` of a workflow that another workflow calls or a person starts, each with its default."""

    file: str
    env: Mapping[str, str]
    inputs: Mapping[str, str | None]
    jobs: Mapping[str, Job]

    def ordered(self) -> list[Job]:
        """Return the jobs, each after those that it needs. Raises WorkflowError if no order exists."""
        done: dict[str, Job] = {}
        while len(done) < len(self.jobs):
            ready = [job for job in self.jobs.values() if job.id not in done and set(job.needs) <= set(done)]
            if not ready:
                stuck = ", ".join(sorted(set(self.jobs) - set(done)))
                raise WorkflowError(f"{self.file}: {stuck} need unknown jobs or one another; correct `needs`")
            done |= {job.id: job for job in ready}
        return list(done.values())


def parse(text: str, file: str) -> Workflow:
    """Parse the workflow in `text`. Raises WorkflowError, which names the file and the place."""
    written = yaml.safe_load(text)
    # YAML 1.1 reads the key `on` as true.
    written = {"on" if key is True else key: value for key, value in written.items()}
    _only(written, WORKFLOW, file)
    events = written.get("on") or {}
    inputs: dict[str, str | None] = {}
    for event in ("workflow_call", "workflow_dispatch"):
        declared = (events.get(event) or {}).get("inputs", {}) if isinstance(events, dict) else {}
        inputs |= {name: each.get("default") for name, each in declared.items()}
    jobs = {name: _job(name, each, f"{file}: job {name}") for name, each in written["jobs"].items()}
    return Workflow(file, _texts(written.get("env")), inputs, jobs)


def _job(name: str, written: Mapping[str, Any], where: str) -> Job:
    _only(written, JOB, where)
    uses = str(written.get("uses", ""))
    if uses and not uses.startswith(HERE):
        raise WorkflowError(f"{where} calls {uses}, a workflow of another repository, which a rehearsal cannot run")
    needs = written.get("needs", [])
    return Job(
        id=name,
        needs=(needs,) if isinstance(needs, str) else tuple(needs),
        condition=str(written.get("if", "")),
        calls=uses.removeprefix(HERE),
        given=_texts(written.get("with")),
        permissions=_texts(written.get("permissions")),
        environment=str(written.get("environment", "")),
        env=_texts(written.get("env")),
        outputs=_texts(written.get("outputs")),
        steps=tuple(_step(each, f"{where}, step {number}") for number, each in enumerate(written.get("steps", ()), 1)),
    )


def _step(written: Mapping[str, Any], where: str) -> Step:
    _only(written, STEP, where)
    if ("uses" in written) == ("run" in written):
        raise WorkflowError(f"{where} must have one of `uses` and `run`")
    return Step(
        name=str(written.get("name", written.get("run", written.get("uses")))),
        id=str(written.get("id", "")),
        condition=str(written.get("if", "")),
        uses=str(written.get("uses", "")),
        run=str(written.get("run", "")),
        given=_texts(written.get("with")),
        env=_texts(written.get("env")),
    )


def _texts(written: Mapping[str, Any] | None) -> dict[str, str]:
    """Return every value as text, as GitHub passes it on."""
    return {
        str(key): str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in (written or {}).items()
    }


def _only(written: Mapping[str, Any], known: Collection[str], where: str) -> None:
    if unknown := sorted(str(key) for key in written if key not in known):
        raise WorkflowError(
            f"{where} has {', '.join(unknown)}, which a rehearsal does not support; add it in {__name__}"
        )
