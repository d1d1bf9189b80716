"""Plays a workflow: its jobs in the order of `needs`, each on a machine of its own, step by step."""

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


class Unsaid(dict[str, str]):
    """The outputs of a step that has not ended well: GitHub reads what is not there as nothing."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True)
class Done:
    """A step that ran: how it exited, what it said, and when it began, in seconds since the epoch."""

    name: str
    code: int
    text: str
    began: float


@dataclass(frozen=True)
class Result:
    """What became of one job: "success", "failure" or "skipped"; its outputs, and the steps that ran."""

    result: str
    outputs: Outputs = field(default_factory=dict)
    steps: tuple[Done, ...] = ()

    def step(self, name: str) -> Done | None:
        """The step of that name, if it ran."""
        return next((each for each in self.steps if each.name == name), None)

    @property
    def text(self) -> str:
        """All that its steps have said."""
        return "\n".join(each.text for each in self.steps)


class Heed(Protocol):
    """Who is told of each step before it begins, and of each line that it says."""

    def before(self, machine: Machine, step: Step) -> None: ...

    def line(self, text: str) -> None: ...


@dataclass(frozen=True)
class Runner:
    """Plays workflows of one commit. `read`: a file of the commit, parsed; `standins`: by the action that they stand
    in for; `base`: the environment of every machine; `github`: the context of that name; `here`: what a step's
    environment becomes on this machine, where its clouds have other addresses."""

    read: Callable[[str], Workflow]
    standins: Mapping[str, StandIn]
    base: Mapping[str, str]
    github: Mapping[str, str]
    heed: Heed
    here: Callable[[Mapping[str, str]], Mapping[str, str]] = dict

    def play(
        self,
        file: str,
        only: Collection[str] = (),
        earlier: Mapping[str, Result] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> dict[str, Result]:
        """Play the workflow in `file`, started by a person where there are `inputs`; what became of each job. `only`:
        play those jobs alone and at once, whatever they wait for, which is given by `earlier` where it was played
        before: as somebody would who takes the order out of the file, or runs one job again."""
        workflow = self.read(file)
        if unknown := sorted(set(inputs or {}) - set(workflow.inputs)):
            raise WorkflowError(f"{file} takes no {', '.join(unknown)}")
        if absent := sorted(set(only) - set(workflow.jobs)):
            raise WorkflowError(f"{file} has no job {', '.join(absent)}")
        given, done = {**workflow.inputs, **(inputs or {})}, dict(earlier or {})
        return self._jobs(workflow, given, done, lambda job: not only or job in only, alone=bool(only))

    def again(self, file: str, earlier: Mapping[str, Result]) -> dict[str, Result]:
        """Run the failed jobs again, and those that waited for them, in order; what went well stays as it was.

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
        """`played`: which jobs are; `alone`: whatever became of those that they wait for."""
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
        """A job that is another workflow of the repository."""
        called = self.read(job.calls)
        given = {name: filled(text, contexts) for name, text in job.given.items()}
        if unknown := sorted(set(given) - set(called.inputs)):
            raise WorkflowError(f"job {job.id} gives {', '.join(unknown)}, which {job.calls} does not take")
        results = self._jobs(called, {**called.inputs, **given}, {}, lambda _: True, caller=job).values()
        result = SUCCESS if all(each.result == SUCCESS for each in results) else FAILURE
        return Result(result, {}, tuple(step for each in results for step in each.steps))

    def _steps(self, workflow: Workflow, job: Job, contexts: dict[str, Any]) -> Result:
        done: list[Done] = []
        with ExitStack() as running:
            root = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="strata-job-")))
            env = {**workflow.env, **{name: filled(text, contexts) for name, text in job.env.items()}}
            contexts = {
                **contexts,
                "env": env,
                "steps": {step.id: {"outputs": Unsaid()} for step in job.steps if step.id},
            }
            environment = filled(job.environment, contexts)
            sha = self.github["sha"]
            machine = Machine(root, environment, job.permissions, sha, {**self.base, **env}, running)
            machine.folder.mkdir()
            well = True
            for step in job.steps:
                if machine.lost or not holds(step.condition, contexts, _status(well=well)):
                    continue
                self.heed.before(machine, step)
                machine.said, began = [], time.time()
                code, outputs = self._step(machine, step, contexts)
                done.append(Done(step.name, code, "\n".join(machine.said), began))
                well = well and code == 0
                if step.id:
                    contexts["steps"][step.id] = {"outputs": outputs if code == 0 else Unsaid(outputs)}
            handed = {name: filled(text, contexts) for name, text in job.outputs.items()}
        return Result(SUCCESS if well else FAILURE, handed, tuple(done))

    def _step(self, machine: Machine, step: Step, contexts: Mapping[str, Any]) -> tuple[int, Outputs]:
        env = {name: filled(text, contexts) for name, text in step.env.items()}
        if step.run:
            return self._run(machine, filled(step.run, contexts), env)
        if (standin := self.standins.get(step.action)) is None:
            listed = ", ".join(sorted(self.standins))
            raise WorkflowError(f"{step.uses} (step {step.name}) has no stand-in; those that have one: {listed}")
        given = {name: filled(text, contexts) for name, text in step.given.items()}
        if unknown := sorted(set(given) - standin.heeds):
            raise WorkflowError(f"the stand-in for {step.uses} does not know `with: {', '.join(unknown)}`")
        try:
            return 0, standin.act(machine, given)
        except StepFailed as problem:
            self._note(machine, f"error: {problem}")
            return 1, {}

    def _run(self, machine: Machine, script: str, env: Mapping[str, str]) -> tuple[int, Outputs]:
        """https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell"""
        output, summary = machine.root / "output", machine.root / "summary"
        output.write_text("")
        summary.write_text("")
        told = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_SHA": machine.sha}
        final = self.here({**machine.env, **env, **told, "CI": "true", "GITHUB_ACTIONS": "true"})
        with Program(["bash", "-e", "-c", script], env=final, cwd=machine.folder) as program:
            machine.at_work = program
            code = program.lines(lambda text: self._note(machine, text))
            machine.at_work = None
        machine.said += summary.read_text(encoding="utf-8").splitlines()
        lines = [line.partition("=") for line in output.read_text(encoding="utf-8").splitlines()]
        return code, {name: text for name, _, text in lines}

    def _note(self, machine: Machine, text: str) -> None:
        machine.said.append(text)
        self.heed.line(text)


def _status(*, well: bool) -> dict[str, bool]:
    return {"success": well, "failure": not well, "always": True, "cancelled": False}


def _least(own: Mapping[str, str], callers: Mapping[str, str]) -> dict[str, str]:
    """A called workflow has no more than its caller."""
    return {name: level for name, level in own.items() if callers.get(name) in {level, "write"}}
