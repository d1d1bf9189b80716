"""The workflows keep the rules, and a workflow that breaks one is reported with the place."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from infra.identity.explain import configured
from local.toolchain import pulumi_cli
from tests.golden import Golden, listed
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
    ("unpinned", "main.yml", " # v7.0.1", ""),
    ("unpinned", "main.yml", "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7"),
    ("secrets", "pull-request.yml", "${{ github.token }}", "${{ secrets.TOKEN }}"),
    ("wrong_permissions", "main.yml", "\npermissions: {}", "\npermissions: read-all"),
    (
        "wrong_permissions",
        "pull-request.yml",
        "      contents: read # to check out",
        "      contents: write # to check out",
    ),
    ("wrong_permissions", "main.yml", "      id-token: write # to take the deploy role\n", ""),
    ("wrong_permissions", "nightly.yml", "    permissions:\n      contents: read # to check out\n", ""),
    ("unbounded", "deploy.yml", "    timeout-minutes: 90\n", ""),
    ("unbounded", "deploy.yml", "timeout-minutes: 90", "timeout-minutes: 360"),
    ("unbounded", "deploy.yml", "role-duration-seconds: 7200", "role-duration-seconds: 900"),
    ("uncoordinated", "deploy.yml", "cancel-in-progress: false", "cancel-in-progress: true"),
    ("uncoordinated", "nightly.yml", "concurrency:\n  group: nightly\n  cancel-in-progress: false\n", ""),
    ("uncoordinated", "abort.yml", "group: abort-", "group: deploy-"),
    ("outside_environments", "deploy.yml", "    environment: ${{ inputs.stack }}\n", ""),
    ("outside_environments", "nightly.yml", "environment: preview", "environment: prod"),
    ("outside_environments", "main.yml", "environment: build", "environment: dev"),
    ("unfit", "deploy.yml", "          STRATA_MANIFEST: dist/manifest.json", "          X: y"),
    ("outside_environments", "pull-request.yml", "    name: Check\n", "    name: Check\n    environment: dev\n"),
    ("open_to_forks", "pull-request.yml", "  pull_request:", "  pull_request_target:"),
    (
        "open_to_forks",
        "pull-request.yml",
        "    if: github.event.pull_request.head.repo.full_name == github.repository\n",
        "",
    ),
    (
        "unfit",
        "pull-request.yml",
        "ref: ${{ github.event.pull_request.base.sha }}",
        "ref: ${{ github.event.pull_request.head.sha }}",
    ),
    ("scripts", "abort.yml", "run: make abort", "run: make abort REASON=${{ inputs.reason }}"),
    ("scripts", "main.yml", "run: make bundle", "run: make bundel"),
    ("out_of_order", "main.yml", "needs: [bundle, staging]", "needs: [bundle, dev]"),
    ("out_of_order", "main.yml", "      stack: staging", "      stack: prod"),
    ("out_of_order", "main.yml", "    name: Prod\n", "    name: Prod\n    if: always()\n"),
    ("green_by_mistake", "deploy.yml", "run: make deploy", "run: make deploy\n        continue-on-error: true"),
    ("green_by_mistake", "deploy.yml", "run: make deploy", "run: make deploy\n        if: always()"),
    ("unfit", "deploy.yml", "digest-mismatch: error", "digest-mismatch: warn"),
    ("unfit", "deploy.yml", "fetch-depth: 0", "fetch-depth: 1"),
    ("unfit", "deploy.yml", 'ALONE: "true"', 'ALONE: ""'),
    ("unfit", "deploy.yml", "${{ steps.access.outputs.role }}", "arn:aws:iam::1:role/x"),
    ("unfit", "rollback.yml", "PULUMI_BACKEND_URL: ${{ steps.access.outputs.backend }}", "X: y"),
]


def test_a_workflow_that_breaks_a_rule_is_reported_with_the_rule(golden: Golden) -> None:
    """golden/broken.txt: each rule, the edit that breaks it, and all that the rule says then."""
    reported = [
        (f"{rule}: {name}: {before!r} -> {after!r}", list(RULES[rule](edited(name, before, after))))
        for rule, name, before, after in BROKEN
    ]
    assert {each[0] for each in BROKEN} == set(RULES)
    assert all(lines for _, lines in reported)
    golden("broken", re.sub(r"line \d+", "line N", listed(reported)))


def test_every_step_of_every_job_is_there_in_its_order(golden: Golden) -> None:
    """What one takes away, adds or moves without meaning to, differs from golden/steps.txt."""
    golden("steps", listed(rules.steps(WORKFLOWS)))


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
