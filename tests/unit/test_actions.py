"""The rehearsal reads and runs workflows: from real files and in a real bash, with stand-ins of our own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rehearsal.github_actions.expressions import WorkflowError, filled, holds, value
from rehearsal.github_actions.machine import Machine, StandIn, StepFailed
from rehearsal.github_actions.runner import Result, Runner
from rehearsal.github_actions.stand_ins import Actions
from rehearsal.github_actions.workflow import Step, Workflow, parse

ROOT = Path(__file__).resolve().parents[2]
CONTEXTS = {"github": {"sha": "abc", "event": {"number": 3}}, "inputs": {"stack": "dev", "function": ""}}
WELL = {"success": True, "failure": False, "always": True, "cancelled": False}
ILL = {**WELL, "success": False, "failure": True}


def test_an_expression_is_replaced_by_its_value_and_the_text_around_it_stays() -> None:
    assert filled("main-${{ github.sha }}.${{ github.event.number }}", CONTEXTS) == "main-abc.3"
    assert filled("nothing to fill", CONTEXTS) == "nothing to fill"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("inputs.stack == 'dev'", True),
        ("inputs.stack != 'dev'", False),
        ("inputs.function || 'all'", "all"),
        ("inputs.stack == 'dev' && github.sha == 'abc'", True),
        ("!(inputs.stack == 'dev') || false", False),
        ("'it''s'", "it's"),
    ],
)
def test_an_expression_is_worked_out(text: str, wanted: Any) -> None:
    assert value(text, CONTEXTS) == wanted


@pytest.mark.parametrize(
    "text",
    ["secrets.KEY", "github.unknown", "hashFiles()", "github.sha github.sha", "a +", "inputs.stack ==", "(true", ""],
)
def test_an_expression_that_is_not_known_is_an_error(text: str) -> None:
    with pytest.raises(WorkflowError):
        value(text, CONTEXTS)


def test_a_step_runs_after_a_failure_only_where_its_condition_says_so() -> None:
    assert holds("", {}, WELL)
    assert not holds("", {}, ILL)
    assert holds("always()", {}, ILL)
    assert holds("${{ !cancelled() }}", {}, ILL)
    assert not holds("inputs.stack == 'dev'", CONTEXTS, ILL)
    assert holds("${{ inputs.stack == 'dev' }}", CONTEXTS, WELL)


@pytest.mark.parametrize("name", ["main.yml", "deploy.yml", "abort.yml", "rollback.yml"])
def test_every_action_of_what_deploys_has_a_stand_in(name: str, tmp_path: Path) -> None:
    workflow = parse((ROOT / ".github/workflows" / name).read_text(), name)
    stand_ins = actions(tmp_path).all()
    for job in workflow.jobs.values():
        for step in job.steps:
            assert not step.uses or set(step.given) <= stand_ins[step.action].accepts, step


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs: {a: {steps: [{run: 'true', shell: sh}]}}", "job a, step 1 has shell"),
        ("jobs: {a: {strategy: {}, steps: []}}", "job a has strategy"),
        ("defaults: {}\njobs: {}", "x.yml has defaults"),
        ("jobs: {a: {steps: [{name: nothing}]}}", "must have one of `uses` and `run`"),
        ("jobs: {a: {uses: other/repository/.github/workflows/x.yml@main}}", "a workflow of another repository"),
    ],
)
def test_what_a_rehearsal_does_not_support_is_an_error_and_never_ignored(text: str, said: str) -> None:
    with pytest.raises(WorkflowError, match=said):
        parse(text, "x.yml")


def test_jobs_that_wait_for_one_another_are_an_error() -> None:
    with pytest.raises(WorkflowError, match="a, b need unknown jobs or one another"):
        parse("jobs: {a: {needs: b, steps: []}, b: {needs: a, steps: []}}", "x.yml").ordered()


CALLER = """
on: push
jobs:
  last:
    needs: [first]
    uses: ./called.yml
    permissions: {contents: read}
    with: {word: "${{ needs.first.outputs.word }}"}
  first:
    permissions: {id-token: write}
    env: {KIND: good}
    outputs: {word: "${{ steps.say.outputs.word }}"}
    steps:
      - uses: acme/token@0123
        with: {kind: "${{ github.sha }}"}
      - id: say
        run: echo "word=$KIND-$TAKEN" >> "$GITHUB_OUTPUT"
"""
CALLED = """
on: {workflow_call: {inputs: {word: {type: string}}}}
jobs:
  only:
    permissions: {contents: read, id-token: write}
    steps:
      - id: broken
        run: echo "it is $WORD"; exit 3
        env: {WORD: "${{ inputs.word }}"}
      - run: echo never
      - name: Report
        if: always()
        run: echo "result of ${{ steps.broken.outputs.nothing }}."
"""


class Heard:
    """An observer that records what a runner reports."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.permissions: list[Mapping[str, str]] = []

    def before(self, machine: Machine, step: Step) -> None:
        self.permissions.append(machine.permissions)

    def line(self, text: str) -> None:
        self.lines.append(text)


def runner(heard: Heard, **files: str) -> Runner:
    def read(file: str) -> Workflow:
        return parse(files[file.removesuffix(".yml")], file)

    def take(machine: Machine, given: Mapping[str, str]) -> Mapping[str, str]:
        if machine.permissions.get("id-token") != "write":
            raise StepFailed("no token")
        machine.env["TAKEN"] = given["kind"]
        return {}

    base = {"PATH": "/usr/bin:/bin"}
    return Runner(read, {"acme/token": StandIn(frozenset({"kind"}), take)}, base, {"sha": "abc"}, heard)


def test_outputs_go_from_step_to_job_to_the_workflow_that_is_called() -> None:
    heard = Heard()
    results = runner(heard, main=CALLER, called=CALLED).play("main.yml")
    assert list(results) == ["first", "last"]
    assert results["first"] == Result("success", {"word": "good-abc"}, results["first"].steps)
    assert heard.lines == ["it is good-abc", "result of ."]
    assert results["last"].result == "failure"
    assert [step.code for step in results["last"].steps] == [3, 0]


def test_a_called_workflow_has_no_more_than_its_caller_grants() -> None:
    heard = Heard()
    runner(heard, main=CALLER, called=CALLED).play("main.yml")
    assert heard.permissions[-1] == {"contents": "read"}


def test_what_waits_for_a_job_that_failed_is_skipped_and_may_be_played_alone() -> None:
    broken = CALLER.replace('echo "word', 'false; echo "word')
    results = runner(Heard(), main=broken, called=CALLED).play("main.yml")
    assert (results["first"].result, results["last"].result) == ("failure", "skipped")
    heard = Heard()
    earlier = {"first": Result("failure", {"word": "of old"})}
    runner(heard, main=broken, called=CALLED).play("main.yml", only=("last",), earlier=earlier)
    assert heard.lines[0] == "it is of old"


class Loses(Heard):
    """Loses each machine at the first line that a step says there."""

    def before(self, machine: Machine, step: Step) -> None:
        self.machine = machine

    def line(self, text: str) -> None:
        self.lines.append(text)
        self.machine.lose()


def test_a_machine_that_is_lost_says_nothing_more_and_none_of_its_steps_runs() -> None:
    heard = Loses()
    endless = CALLED.replace("exit 3", "trap 'echo trapped' EXIT TERM; sleep 20; echo over")
    lost = runner(heard, main=CALLER, called=endless).play("main.yml")["last"]
    assert heard.lines == ["it is good-abc"]
    assert (lost.result, [step.code for step in lost.steps]) == ("failure", [128 + 9])


def test_failed_jobs_are_run_again_by_what_went_well_before() -> None:
    first = runner(Heard(), main=CALLER, called=CALLED).play("main.yml")
    heard = Heard()
    mended = CALLED.replace("exit 3", "exit 0").replace("${{ steps.broken.outputs.nothing }}", "it")
    again = runner(heard, main=CALLER.replace("KIND: good", "KIND: other"), called=mended)
    results = again.again("main.yml", first)
    assert heard.lines == ["it is good-abc", "never", "result of it."]
    assert (results["first"], results["last"].result) == (first["first"], "success")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("acme/token", "acme/other", r"acme/other@0123 \(step acme/other@0123\) has no stand-in; .*: acme/token"),
        ("with: {kind:", "with: {sort:", "does not know `with: sort`"),
        ("github.sha", "secrets.KEY", "`secrets.KEY` is not known here"),
        ('{word: "${{ needs', '{world: "${{ needs', "job last gives world, which called.yml does not take"),
    ],
)
def test_what_has_no_stand_in_is_an_error_that_names_it(before: str, after: str, said: str) -> None:
    with pytest.raises(WorkflowError, match=said):
        runner(Heard(), main=CALLER.replace(before, after), called=CALLED).play("main.yml")


def actions(folder: Path) -> Actions:
    def none(_env: Mapping[str, str]) -> Any:
        raise AssertionError

    return Actions(ROOT, ROOT, folder, "acme/strata", "http://127.0.0.1:1", 1.0, none)
