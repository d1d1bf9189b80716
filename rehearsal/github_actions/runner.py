"""Runs a workflow: its jobs in the order of `needs`, each on a machine of its own, step by step."""

import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from rehearsal.environment.processes import Program
from rehearsal.github_actions.expressions import WorkflowError, filled, holds
from rehearsal.github_actions.machine import Machine, Outputs, StandIn, StepFailed
from rehearsal.github_actions.workflow import Job, Step, Workflow

SUCCESS, FAILURE, SKIPPED = "success", "failure", "skipped"


class EmptyOutputs(dict[str, str]):
    """The outputs of a step that has failed or not run: GitHub reads a missing output as an empty text."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True)
class StepResult:
    """A step that ran: its exit code, its output, and its start in seconds since the epoch."""

    name: str
    code: int
    text: str
    began: float


@dataclass(frozen=True)
class Result:
    """The result of one job: "success", "failure" or "skipped"; its outputs, and the steps that ran."""

    result: str
    outputs: Outputs = field(default_factory=dict)
    steps: tuple[StepResult, ...] = ()

    def step(self, name: str) -> StepResult | None:
        """Return the step of that name; None if it did not run."""
        return next((each for each in self.steps if each.name == name), None)

    @property
    def text(self) -> str:
        """Return the output of all its steps."""
        return "\n".join(each.text for each in self.steps)


class StepObserver(Protocol):
    """Observes a run: `before` is called before each step, `line` with each line of its output."""

    def before(self, machine: Machine, step: Step) -> None: ...

    def line(self, text: str) -> None: ...


@dataclass(frozen=True)
class Runner:
    """Runs workflows of one commit. `read` parses a file of the commit; `stand_ins`: by action; `base`: the environment
    of every machine; `github`: the context of that name; `here` changes a step's environment for this machine, where
    its clouds have other addresses."""

    read: Callable[[str], Workflow]
    stand_ins: Mapping[str, StandIn]
    base: Mapping[str, str]
    github: Mapping[str, str]
    observer: StepObserver
    here: Callable[[Mapping[str, str]], Mapping[str, str]] = dict

    def play(
        self,
        file: str,
        only: Collection[str] = (),
        earlier: Mapping[str, Result] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> dict[str, Result]:
        """Run the workflow in `file`, started by a person if there are `inputs`; return the result of each job.

        `only`: run those jobs alone and at once, whatever they need, whose results `earlier` gives if they have run: as
        if a person had removed `needs` from the file, or had re-run one job. Raises WorkflowError for an unknown input
        or job.
        """
        workflow = self.read(file)
        if unknown := sorted(set(inputs or {}) - set(workflow.inputs)):
            raise WorkflowError(f"{file} takes no {', '.join(unknown)}")
        if absent := sorted(set(only) - set(workflow.jobs)):
            raise WorkflowError(f"{file} has no job {', '.join(absent)}")
        given, done = {**workflow.inputs, **(inputs or {})}, dict(earlier or {})
        return self._jobs(workflow, given, done, lambda job: not only or job in only, alone=bool(only))

    def again(self, file: str, earlier: Mapping[str, Result]) -> dict[str, Result]:
        """Re-run the failed jobs and those that need them, in order; the results of the others stay.

        https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
        """
        workflow = self.read(file)
        well = {name: each for name, each in earlier.items() if each.result == SUCCESS}
        return self._jobs(workflow, workflow.inputs, dict(well), lambda job: job not in well)

    def _jobs(
        self,
        workflow: Workflow,
        inputs: Mapping[str, str | None],
        done: dict[str, Result],
        played: Callable[[str], bool],
        *,
        caller: Job | None = None,
        alone: bool = False,
    ) -> dict[str, Result]:
        """Run the jobs for which `played` is true; with `alone`, whatever the results of the jobs that they need."""
        for job in workflow.ordered():
            if not played(job.id):
                continue
            before = {name: done.get(name, Result(SUCCESS)) for name in job.needs}
            contexts = {
                "github": self.github,
                "inputs": inputs,
                "needs": {name: {"result": each.result, "outputs": each.outputs} for name, each in before.items()},
                "vars": {},
                "env": dict(workflow.env),
            }
            well = alone or all(each.result == SUCCESS for each in before.values())
            if not holds(job.condition, contexts, _status(well=well)):
                done[job.id] = Result(SKIPPED)
            elif job.calls:
                done[job.id] = self._called(job, contexts)
            else:
                granted = job.permissions if caller is None else _least(job.permissions, caller.permissions)
                done[job.id] = self._steps(workflow, replace(job, permissions=granted), contexts)
        return done

    def _called(self, job: Job, contexts: Mapping[str, Any]) -> Result:
        """Run a job that is another workflow of the repository."""
        called = self.read(job.calls)
        given = {name: filled(text, contexts) for name, text in job.given.items()}
        if unknown := sorted(set(given) - set(called.inputs)):
            raise WorkflowError(f"job {job.id} gives {', '.join(unknown)}, which {job.calls} does not take")
        results = self._jobs(called, {**called.inputs, **given}, {}, lambda _: True, caller=job).values()
        result = SUCCESS if all(each.result == SUCCESS for each in results) else FAILURE
        return Result(result, {}, tuple(step for each in results for step in each.steps))

    def _steps(self, workflow: Workflow, job: Job, contexts: dict[str, Any]) -> Result:
        done: list[StepResult] = []
        with ExitStack() as running:
            root = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="strata-job-")))
            env = {**workflow.env, **{name: filled(text, contexts) for name, text in job.env.items()}}
            contexts = {
                **contexts,
                "env": env,
                "steps": {step.id: {"outputs": EmptyOutputs()} for step in job.steps if step.id},
            }
            environment = filled(job.environment, contexts)
            sha = self.github["sha"]
            machine = Machine(root, environment, job.permissions, sha, {**self.base, **env}, running)
            machine.folder.mkdir()
            well = True
            for step in job.steps:
                if machine.lost or not holds(step.condition, contexts, _status(well=well)):
                    continue
                self.observer.before(machine, step)
                machine.said, began = [], time.time()
                code, outputs = self._step(machine, step, contexts)
                done.append(StepResult(step.name, code, "\n".join(machine.said), began))
                well = well and code == 0
                if step.id:
                    contexts["steps"][step.id] = {"outputs": outputs if code == 0 else EmptyOutputs(outputs)}
            handed = {name: filled(text, contexts) for name, text in job.outputs.items()}
        return Result(SUCCESS if well else FAILURE, handed, tuple(done))

    def _step(self, machine: Machine, step: Step, contexts: Mapping[str, Any]) -> tuple[int, Outputs]:
        env = {name: filled(text, contexts) for name, text in step.env.items()}
        if step.run:
            return self._run(machine, filled(step.run, contexts), env)
        if (stand_in := self.stand_ins.get(step.action)) is None:
            listed = ", ".join(sorted(self.stand_ins))
            raise WorkflowError(f"{step.uses} (step {step.name}) has no stand-in; those that have one: {listed}")
        given = {name: filled(text, contexts) for name, text in step.given.items()}
        if unknown := sorted(set(given) - stand_in.accepts):
            raise WorkflowError(f"the stand-in for {step.uses} does not know `with: {', '.join(unknown)}`")
        try:
            return 0, stand_in.act(machine, given)
        except StepFailed as problem:
            self._note(machine, f"error: {problem}")
            return 1, {}

    def _run(self, machine: Machine, script: str, env: Mapping[str, str]) -> tuple[int, Outputs]:
        """Run a script as a step; return its exit code and outputs.

        https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
        """
        output, summary = machine.root / "output", machine.root / "summary"
        output.write_text("")
        summary.write_text("")
        files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_SHA": machine.sha}
        final = self.here({**machine.env, **env, **files, "CI": "true", "GITHUB_ACTIONS": "true"})
        with Program(["bash", "-e", "-c", script], env=final, cwd=machine.folder) as program:
            machine.at_work = program
            code = program.lines(lambda text: self._note(machine, text))
            machine.at_work = None
        machine.said += summary.read_text(encoding="utf-8").splitlines()
        lines = [line.partition("=") for line in output.read_text(encoding="utf-8").splitlines()]
        return code, {name: text for name, _, text in lines}

    def _note(self, machine: Machine, text: str) -> None:
        machine.said.append(text)
        self.observer.line(text)


def _status(*, well: bool) -> dict[str, bool]:
    return {"success": well, "failure": not well, "always": True, "cancelled": False}


def _least(own: Mapping[str, str], callers: Mapping[str, str]) -> dict[str, str]:
    """Return the permissions of a called workflow, which has no more than its caller."""
    return {name: level for name, level in own.items() if callers.get(name) in {level, "write"}}
