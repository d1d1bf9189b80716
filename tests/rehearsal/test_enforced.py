"""`make rehearsal ENFORCE=1`: the whole rehearsal where IAM is asked before each call and nobody has a key.

One run for all tests. Its record says which statements allowed which call, so that what happens without a statement
need not be tried.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from infra import permissions
from infra.naming import AwsLocation, Names
from infra.permissions import PeerStack, StackResources, Statement
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.observe import iam_decisions
from rehearsal.observe.iam_decisions import EXCHANGE, Decision
from rehearsal.release.report import TOLD

FACTOR = 40  # as `make rehearsal`: a token is good for 300 seconds, and at 60 a busy machine is too late with it
PROD, PLACE = Names("strata", "prod"), AwsLocation("aws", "eu-central-1", "333333333333")
STAGING = PeerStack(Names("strata", "staging"), "222222222222")
BELONGINGS = StackResources("orders-prod", "strata-terraform-state-prod", "data/terraform.tfstate", before=STAGING)
DEPLOY = PROD.deploy_role
# Granted, and called by the real plugin of AWS's provider or by AWS itself, but by nothing that stands in for them.
ON_AWS_ALONE = {
    "apigateway:PUT": "users report it beside POST when tags are set",
    "apigateway:TagResource": "users report it for a stage alone; the reference has it for an API too",
    "apigateway:UntagResource": "the reference has it beside TagResource",
    "codedeploy:UntagResource": "the release drops the oldest marks of a group that has too many",
    "iam:ListInstanceProfilesForRole": "the plugin asks before it deletes a role",
    "lambda:GetFunctionCodeSigningConfig": "the plugin reads it with each function",
    "lambda:ListTags": "GetFunction asks it of itself, and leaves the tags out where it is denied",
}
# The roles of the running stack, and their statements but for Keys: AWS's own keys may let them in by themselves.
RUNNING = {
    PROD.execution_role("orders"): {"Logs", "Orders", "Secrets"},
    PROD.hook_role("smoke"): {"Deployments", "Logs", "Versions"},
    PROD.hook_role("bake"): {"Deployments", "Logs"},
    PROD.codedeploy_role: {"Alarms", "Aliases", "Hooks"},
}


@dataclass(frozen=True)
class Enforced:
    """The run: its exit code, what it said, its report, and its record of decisions."""

    code: int
    text: str
    report: dict[str, Any]
    made: tuple[Decision, ...]

    def of(self, role: str) -> list[Decision]:
        return [one for one in self.made if one.role == role and one.action != EXCHANGE]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Enforced:
    file = tmp_path_factory.mktemp("enforced") / "report.json"
    command = [sys.executable, "-m", "rehearsal", "--enforce", "--factor", f"{FACTOR:g}", "--report", str(file)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=2400)
    text = done.stdout + done.stderr
    assert file.exists(), text
    made = iam_decisions.read(file.with_name("decisions.json"))
    return Enforced(done.returncode, text, json.loads(file.read_text()), made)


def granted() -> list[tuple[str, Statement]]:
    """Each statement of the deploy role, with the ARN of the policy that holds it."""
    key = PLACE.arn("kms", "key/1")
    found = permissions.deploy(PROD, PLACE, BELONGINGS, key_arn=key, role=DEPLOY)
    arns = {part: PLACE.global_arn("iam", f"policy/{DEPLOY}-{part}") for part in found}
    return [(arns[part], statement) for part, statements in found.items() for statement in statements]


def test_it_ends_as_told(run: Enforced) -> None:
    assert run.code == 0, run.text
    assert "All as told" in run.text


def test_every_outcome_is_what_it_is_without(run: Enforced) -> None:
    found = [(one["name"], one["outcome"]) for one in run.report["releases"]]
    assert found == [(name, outcome) for name, outcome, _, _ in TOLD]
    assert run.report["noop"]["changed"] == run.report["orders"]["lost"] == 0


def test_nobody_was_denied_anything(run: Enforced) -> None:
    assert iam_decisions.denied(run.made) == []


def test_the_report_counts_the_calls_of_each_role(run: Enforced) -> None:
    calls = run.report["calls"]
    assert calls == iam_decisions.calls(run.made)
    assert {DEPLOY, *RUNNING, "fleet-rehearsal-deploy", "fleet-rehearsal-codedeploy"} <= set(calls)
    assert calls[DEPLOY]["lambda:UpdateFunctionCode"] >= 3
    assert DEPLOY in run.text


def test_every_session_came_from_a_token(run: Enforced) -> None:
    exchanges = [one for one in run.made if one.action == EXCHANGE]
    assert {one.role for one in exchanges} == {DEPLOY, "fleet-rehearsal-deploy", "strata-build"}
    assert all(one.caller.endswith(":oidc-provider/token.actions.githubusercontent.com") for one in exchanges)
    assert sum(one.count for one in exchanges) > 100


def test_without_any_one_statement_of_the_deploy_role_a_call_would_have_been_denied(run: Enforced) -> None:
    statements = [(policy, statement.sid) for policy, statement in granted()]
    assert len(statements) > 20
    assert iam_decisions.idle(statements, run.of(DEPLOY)) == []


def test_every_action_that_the_deploy_role_is_granted_was_called(run: Enforced) -> None:
    called = {(by, one.action) for one in run.of(DEPLOY) for by in one.by}
    idle = {
        action
        for policy, statement in granted()
        for action in statement.actions
        if ((policy, statement.sid), action) not in called
    }
    assert idle == set(ON_AWS_ALONE)


def test_what_the_deploy_role_called_is_allowed_by_its_own_policies_alone(run: Enforced) -> None:
    statements = {(policy, statement.sid) for policy, statement in granted()}
    assert {by for one in run.of(DEPLOY) for by in one.by} <= statements


@pytest.mark.parametrize("role", RUNNING)
def test_without_any_one_statement_of_a_running_role_a_call_would_have_been_denied(run: Enforced, role: str) -> None:
    assert {one.by[0][1] for one in run.of(role) if len(one.by) == 1} == RUNNING[role]
