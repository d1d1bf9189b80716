"""The workflows keep the rules, and a workflow that breaks one is reported with the place."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from infra.identity.explain import configured
from local.toolchain import pulumi_cli
from tests.workflows import rules
from tests.workflows.files import ROOT, Workflow, jobs, targets

WORKFLOWS = Workflow.every()
MAKE = targets((ROOT / "Makefile").read_text())
IDENTITIES = [each.identity for each in configured(ROOT / "bootstrap")]
STACKS = {stack.name: stack for identity in IDENTITIES for stack in identity.stacks}
ENVIRONMENTS = {
    "deploy": {stack.environment for stack in STACKS.values()},
    "preview": {
        name
        for identity in IDENTITIES
        for stack in identity.stacks
        for name in (identity.preview_environment, stack.preview_environment(identity.preview_environment))
    },
    "build": {each.artifacts.environment for each in IDENTITIES if each.artifacts.account_id is None},
}
Rule = Callable[[list[Workflow]], Iterator[str]]


def outside_environments(workflows: list[Workflow]) -> Iterator[str]:
    return rules.outside_environments(workflows, ENVIRONMENTS)


def scripts(workflows: list[Workflow]) -> Iterator[str]:
    return rules.scripts(workflows, MAKE)


RULES: Mapping[str, Rule] = {
    each.__name__: each
    for each in (
        rules.missing_steps,
        rules.unpinned,
        rules.secrets,
        rules.wrong_permissions,
        rules.unbounded,
        rules.uncoordinated,
        outside_environments,
        rules.open_to_forks,
        scripts,
        rules.out_of_order,
        rules.green_by_mistake,
        rules.unfit,
    )
}


@pytest.mark.parametrize("rule", RULES)
def test_the_workflows_keep_the_rule(rule: str) -> None:
    assert list(RULES[rule](WORKFLOWS)) == []


def edited(name: str, before: str, after: str) -> list[Workflow]:
    """Return the workflows with the first occurrence of a text replaced; it must occur."""
    (found,) = [each for each in WORKFLOWS if each.name == name]
    assert before in found.text, f"{name} has no {before!r}"
    return [Workflow(name, found.text.replace(before, after, 1)) if each is found else each for each in WORKFLOWS]


BROKEN = [
    (
        "unpinned",
        "main.yml",
        " # v7.0.1",
        "",
        "`uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1` must be OWNER/NAME@COMMIT # vX.Y.Z",
    ),
    (
        "unpinned",
        "main.yml",
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1",
        "actions/checkout@v7",
        "must be",
    ),
    ("secrets", "pull-request.yml", "${{ github.token }}", "${{ secrets.TOKEN }}", "refers to a secret"),
    ("wrong_permissions", "main.yml", "\npermissions: {}", "\npermissions: read-all", "main.yml: must say"),
    (
        "wrong_permissions",
        "pull-request.yml",
        "      contents: read # to check out",
        "      contents: write # to check out",
        "pull-request.yml: job check has permissions contents: write, and its steps need contents: read",
    ),
    ("wrong_permissions", "main.yml", "      id-token: write # to take the deploy role\n", "", "main.yml: job dev has"),
    (
        "wrong_permissions",
        "nightly.yml",
        "    permissions:\n      contents: read # to check out\n",
        "",
        "nightly.yml: job properties has permissions (the token's default): ?",
    ),
    ("unbounded", "deploy.yml", "    timeout-minutes: 90\n", "", "deploy.yml: job deploy has timeout-minutes missing"),
    ("unbounded", "deploy.yml", "timeout-minutes: 90", "timeout-minutes: 360", "give 1 to 120"),
    ("unbounded", "deploy.yml", "role-duration-seconds: 7200", "role-duration-seconds: 900", "raise role-duration"),
    ("uncoordinated", "deploy.yml", "cancel-in-progress: false", "cancel-in-progress: true", "would cancel a release"),
    (
        "uncoordinated",
        "nightly.yml",
        "concurrency:\n  group: nightly\n  cancel-in-progress: false\n",
        "",
        "has no concur",
    ),
    ("uncoordinated", "abort.yml", "group: abort-", "group: deploy-", "job abort has the concurrency group deploy-"),
    ("outside_environments", "deploy.yml", "    environment: ${{ inputs.stack }}\n", "", "in environment None"),
    ("outside_environments", "nightly.yml", "environment: preview", "environment: prod", "job drift takes the preview"),
    (
        "outside_environments",
        "main.yml",
        "environment: build",
        "environment: dev",
        "takes the build role in environment",
    ),
    (
        "unfit",
        "deploy.yml",
        "          STRATA_MANIFEST: dist/manifest.json",
        "          X: y",
        "it would build what it",
    ),
    (
        "outside_environments",
        "pull-request.yml",
        "    name: Check\n",
        "    name: Check\n    environment: dev\n",
        "takes no role",
    ),
    ("open_to_forks", "pull-request.yml", "  pull_request:", "  pull_request_target:", "others' code with our rights"),
    (
        "open_to_forks",
        "pull-request.yml",
        "    if: github.event.pull_request.head.repo.full_name == github.repository\n",
        "",
        "pull-request.yml: job plan may write id-token, and must be left out for forks",
    ),
    (
        "unfit",
        "pull-request.yml",
        "ref: ${{ github.event.pull_request.base.sha }}",
        "ref: ${{ github.event.pull_request.head.sha }}",
        "or the branch's code would write comments",
    ),
    ("scripts", "abort.yml", "run: make abort", "run: make abort REASON=${{ inputs.reason }}", "hand it values by env"),
    ("scripts", "main.yml", "run: make bundle", "run: make bundel", "`make bundel`, which the Makefile does not have"),
    (
        "out_of_order",
        "main.yml",
        "needs: [bundle, staging]",
        "needs: [bundle, dev]",
        "job prod waits for bundle and dev",
    ),
    ("out_of_order", "main.yml", "      stack: staging", "      stack: prod", "job staging must hand on its stack"),
    ("out_of_order", "main.yml", "    name: Prod\n", "    name: Prod\n    if: always()\n", "job prod has an `if`"),
    (
        "green_by_mistake",
        "deploy.yml",
        "run: make deploy",
        "run: make deploy\n        continue-on-error: true",
        "be green",
    ),
    (
        "green_by_mistake",
        "deploy.yml",
        "run: make deploy",
        "run: make deploy\n        if: always()",
        "`make deploy` has if",
    ),
    ("unfit", "deploy.yml", "digest-mismatch: error", "digest-mismatch: warn", "check its digest"),
    ("unfit", "deploy.yml", "fetch-depth: 0", "fetch-depth: 1", "which commit is the older one"),
    ("unfit", "deploy.yml", 'ALONE: "true"', 'ALONE: ""', "a lock of a runner that is gone stays"),
    ("unfit", "deploy.yml", "${{ steps.access.outputs.role }}", "arn:aws:iam::1:role/x", "must take the role that"),
    (
        "unfit",
        "rollback.yml",
        "PULUMI_BACKEND_URL: ${{ steps.access.outputs.backend }}",
        "X: y",
        "`make rollback` must have",
    ),
]


@pytest.mark.parametrize(("rule", "name", "before", "after", "said"), BROKEN)
def test_a_workflow_that_breaks_a_rule_is_reported_with_the_place(
    rule: str, name: str, before: str, after: str, said: str
) -> None:
    found = list(RULES[rule](edited(name, before, after)))
    assert len(found) >= 1
    assert said in "\n".join(found)


STEPS = [
    (workflow.name, job.name, number)
    for workflow in WORKFLOWS
    for job in workflow.jobs
    for number in range(len(job.steps))
]


@pytest.mark.parametrize(("name", "job", "number"), STEPS)
def test_a_step_that_is_taken_away_is_missed_by_name(name: str, job: str, number: int) -> None:
    (workflow,) = [each for each in WORKFLOWS if each.name == name]
    written = json.loads(json.dumps(workflow.written | {True: None}))
    taken = written["jobs"][job]["steps"].pop(number)
    what = taken.get("run") or taken["uses"].partition("@")[0]
    found = list(rules.missing_steps([Workflow(name, json.dumps(written)) if e is workflow else e for e in WORKFLOWS]))
    assert found == [f"{name}: job {job} lacks its step `{what}`"]


def test_a_job_or_a_workflow_that_is_gone_is_missed_by_name() -> None:
    assert list(rules.missing_steps([e for e in WORKFLOWS if e.name != "abort.yml"])) == ["abort.yml: is gone"]
    without = edited("main.yml", "  staging:\n    name: Staging", "  canary:\n    name: Staging")
    assert list(rules.missing_steps(without)) == [
        "main.yml: job staging is gone",
        "main.yml: job canary is not in STEPS of tests/workflows/rules.py",
    ]


def test_steps_in_another_order_are_reported() -> None:
    (deploy,) = [each for each in WORKFLOWS if each.name == "deploy.yml"]
    text = (
        deploy.text.replace("make unlock", "make x")
        .replace("make deploy", "make unlock")
        .replace("make x", "make deploy")
    )
    (found,) = rules.missing_steps([Workflow("deploy.yml", text) if each is deploy else each for each in WORKFLOWS])
    assert found.startswith("deploy.yml: job deploy has its steps in another order than actions/checkout, ")


def test_the_stacks_of_the_workflows_are_those_of_bootstrap() -> None:
    for job in jobs(WORKFLOWS):
        matrix = set(job.written.get("strategy", {}).get("matrix", {}).get("stack", STACKS))
        assert matrix <= set(STACKS), job
    for workflow in WORKFLOWS:
        inputs = (workflow.triggers.get("workflow_dispatch") or {}).get("inputs", {})
        if "stack" in inputs:
            assert inputs["stack"]["type"] == "choice"
            assert inputs["stack"]["options"] == ["dev", "staging", "prod"]
    assert all(stack.environment == name for name, stack in STACKS.items()), "environment: ${{ inputs.stack }}"


def test_prod_has_reviewers() -> None:
    assert STACKS["prod"].reviewers


def test_a_branch_plans_a_stack_that_has_reviewers_only_once_one_of_them_lets_it() -> None:
    (plan,) = [job for job in jobs(WORKFLOWS) if job.name == "plan"]
    matrix = plan.written["strategy"]["matrix"]
    assert plan.written["environment"] == "${{ matrix.environment || 'preview' }}"
    own = {each["stack"]: each["environment"] for each in matrix["include"]}
    assert own == {
        stack.name: stack.preview_environment(identity.preview_environment)
        for identity in IDENTITIES
        for stack in identity.stacks
        if stack.reviewers
    }


def test_no_nightly_job_waits_for_a_reviewer() -> None:
    (nightly,) = [each for each in WORKFLOWS if each.name == "nightly.yml"]
    for which in ("doctor", "sweep"):
        (job,) = [each for each in nightly.jobs if each.name == which]
        asked = set(job.written["strategy"]["matrix"]["stack"])
        assert asked == {name for name, stack in STACKS.items() if not stack.reviewers}


def test_the_runners_have_the_pulumi_that_the_toolchain_builds() -> None:
    wanted = {
        each.written["with"]["pulumi-version"]
        for job in jobs(WORKFLOWS)
        for each in job.steps
        if each.what == rules.PULUMI
    }
    assert wanted == {pulumi_cli.VERSION.removeprefix("v")}


def test_every_stack_has_levels_for_the_policy_pack() -> None:
    assert [name for name in STACKS if not (ROOT / "policy/levels" / f"{name}.json").exists()] == []


def test_a_recipe_reads_what_it_is_given_from_the_environment_alone() -> None:
    """Make would expand a value that is written $(NAME), and a shell would run what it holds."""
    given = "STACK|REASON|FUNCTION|TO|ALONE|PULL_REQUEST|APPLY|STEPS"
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(rf"\$[({{](?:{given})[)}}]", makefile) == []
    quoted = [line for line in makefile.splitlines() if re.search(rf"\$\$\{{?(?:{given})", line)]
    assert quoted
    assert [line for line in quoted if re.search(rf'[^"\/]\$\$(?:{given})\b', line)] == []


@pytest.mark.parametrize("folder", [ROOT / ".github"])
def test_no_action_of_our_own_hides_steps(folder: Path) -> None:
    assert [*folder.rglob("action.y*ml")] == []
