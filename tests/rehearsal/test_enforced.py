"""`make rehearsal ENFORCE=1`: the whole rehearsal with IAM policies enforced, in which no job has a key.

All tests here, in test_story and in test_set share one run. Its record says which statements allowed which call, so
that no run without a statement is needed to know what would be denied. Whether each statement is needed depends on the
deploy role's other tasks, which take minutes: `make test-all` has those tests.
"""

import pytest

from infra import permissions, services
from infra.naming import AwsLocation, Names
from infra.permissions import PeerStack, StackResources, Statement
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.observe import iam_decisions
from rehearsal.observe.iam_decisions import EXCHANGE
from rehearsal.release.report import EXPECTED
from tests.rehearsal.conftest import Ran

PROD = Names("strata", "prod", services.names(REPOSITORY))
PLACE = AwsLocation("aws", "eu-central-1", "333333333333")
STAGING = PeerStack(Names("strata", "staging"), "222222222222")
BELONGINGS = StackResources("orders-prod", "strata-terraform-state-prod", "data/terraform.tfstate", before=STAGING)
DEPLOY = PROD.deploy_role
# Granted, and called by the real AWS plugin of Pulumi or by AWS itself, but not by their stand-ins.
ON_AWS_ALONE = {
    "apigateway:PUT": "users report it beside POST when tags are set",
    "apigateway:TagResource": "users report it for a stage alone; the reference has it for an API too",
    "apigateway:UntagResource": "the reference has it beside TagResource",
    "codedeploy:UntagResource": "the release drops the oldest marks of a group that has too many",
    "iam:ListInstanceProfilesForRole": "the plugin asks before it deletes a role",
    "lambda:GetFunctionCodeSigningConfig": "the plugin reads it with each function",
    "lambda:ListTags": "GetFunction asks it of itself, and leaves the tags out where it is denied",
}
# The roles of the running stack, and their statements except Keys: the policy of an AWS managed key may be enough.
RUNNING = {
    PROD.execution_role("orders"): {"Logs", "Orders", "Secrets"},
    PROD.execution_role("fulfilment"): {"Logs", "Messages", "Orders", "Queue", "Stream", "Streams"},
    PROD.hook_role("smoke"): {"Deployments", "Logs", "Versions"},
    PROD.hook_role("bake"): {"Deployments", "Logs"},
    PROD.codedeploy_role: {"Alarms", "Aliases", "Hooks"},
    PROD.messages: {"Topic", "Webhooks"},
}
ALWAYS = RUNNING.keys() - {
    PROD.hook_role("bake"),
    PROD.messages,
}  # those two run in the deploy role's other tasks alone


def granted() -> list[tuple[str, Statement]]:
    """Return each statement of the deploy role, with the ARN of its policy."""
    key = PLACE.arn("kms", "key/1")
    found = permissions.deploy(PROD, PLACE, BELONGINGS, key_arn=key, role=DEPLOY)
    arns = {part: PLACE.global_arn("iam", f"policy/{DEPLOY}-{part}") for part in found}
    return [(arns[part], statement) for part, statements in found.items() for statement in statements]


def test_the_enforced_rehearsal_ends_as_expected(ran: Ran) -> None:
    assert ran.code == 0, ran.text
    assert "All as expected" in ran.text


def test_every_outcome_is_the_same_as_without_enforcement(ran: Ran) -> None:
    found = [(one["name"], one["outcome"]) for one in ran.report["releases"]]
    assert found == [(name, outcome) for name, outcome, _, _ in EXPECTED]
    assert ran.report["noop"]["changed"] == ran.report["orders"]["lost"] == 0


def test_no_call_was_denied(ran: Ran) -> None:
    assert iam_decisions.denied(ran.made) == []


def test_the_report_counts_the_calls_of_each_role(ran: Ran) -> None:
    calls = ran.report["calls"]
    assert calls == iam_decisions.calls(ran.made)
    assert {DEPLOY, *ALWAYS, "strata-rehearsal-deploy", "strata-rehearsal-codedeploy"} <= set(calls)
    assert calls[DEPLOY]["lambda:UpdateFunctionCode"] >= 3
    assert DEPLOY in ran.text


@pytest.mark.faults
def test_every_session_came_from_a_token(whole: Ran) -> None:
    exchanges = [one for one in whole.made if one.action == EXCHANGE]
    assert {one.role for one in exchanges} == {DEPLOY, "strata-rehearsal-deploy", "strata-build"}
    assert all(one.caller.endswith(":oidc-provider/token.actions.githubusercontent.com") for one in exchanges)
    assert sum(one.count for one in exchanges) > 100


@pytest.mark.faults
def test_without_any_one_statement_of_the_deploy_role_a_call_would_have_been_denied(whole: Ran) -> None:
    statements = [(policy, statement.sid) for policy, statement in granted()]
    assert len(statements) > 20
    assert iam_decisions.idle(statements, whole.of(DEPLOY)) == []


@pytest.mark.faults
def test_every_action_that_the_deploy_role_is_granted_was_called(whole: Ran) -> None:
    called = {(by, one.action) for one in whole.of(DEPLOY) for by in one.by}
    idle = {
        action
        for policy, statement in granted()
        for action in statement.actions
        if ((policy, statement.sid), action) not in called
    }
    assert idle == set(ON_AWS_ALONE)


def test_what_the_deploy_role_called_is_allowed_by_its_own_policies_alone(ran: Ran) -> None:
    statements = {(policy, statement.sid) for policy, statement in granted()}
    assert {by for one in ran.of(DEPLOY) for by in one.by} <= statements


@pytest.mark.faults
@pytest.mark.parametrize("role", RUNNING)
def test_without_any_one_statement_of_a_running_role_a_call_would_have_been_denied(whole: Ran, role: str) -> None:
    assert {one.by[0][1] for one in whole.of(role) if len(one.by) == 1} == RUNNING[role]
