"""A role trusts one kind of token, whose claims must be equal."""

import pytest

from infra.naming import AwsLocation, Names
from infra.permissions import Repository, federated, pulumi_token

PLACE = AwsLocation("aws", "eu-central-1", "333333333333")
GITHUB = "token.actions.githubusercontent.com"


def test_a_job_of_an_environment_is_known_by_the_repositorys_names() -> None:
    token = Repository("acme", "shop").token("prod")
    assert (token.subject, token.audience) == ("repo:acme/shop:environment:prod", "sts.amazonaws.com")


def test_a_job_of_an_environment_is_known_by_names_with_immutable_numbers() -> None:
    assert Repository("acme", "shop", "12", "345").token("prod").subject == "repo:acme@12/shop@345:environment:prod"


@pytest.mark.parametrize("operation", ["preview", "update"])
def test_pulumi_deployments_is_known_by_stack_and_operation(operation: str) -> None:
    token = pulumi_token("acme", Names("strata", "prod"), operation)
    assert token.audience == "acme"
    assert token.subject == f"pulumi:deploy:org:acme:project:strata:stack:prod:operation:{operation}:scope:write"


@pytest.mark.parametrize(
    "token",
    [
        Repository("acme", "shop").token("prod"),
        Repository("acme", "shop", "12", "345").token("prod"),
        Repository("acme", "shop", "12", "345").token("prod").from_ref("refs/heads/main"),
        pulumi_token("acme", Names("strata", "prod"), "update"),
    ],
)
def test_a_role_asks_for_audience_and_subject_at_least_and_for_all_exactly(token: object) -> None:
    (statement,) = federated(PLACE, token)  # type: ignore[arg-type]
    assert statement.actions == ("sts:AssumeRoleWithWebIdentity",)
    assert statement.condition is not None
    ((operator, keys),) = statement.condition.items()
    assert operator == "StringEquals"
    assert {key.rpartition(":")[2] for key in keys} >= {"aud", "sub"}
    assert not any("*" in value or "?" in value for value in keys.values())


def test_the_issuer_is_the_accounts_own_provider() -> None:
    (statement,) = federated(PLACE, Repository("acme", "shop").token("prod"))
    assert statement.principal == {"Federated": f"arn:aws:iam::333333333333:oidc-provider/{GITHUB}"}
    (cloud,) = federated(PLACE, pulumi_token("acme", Names("strata", "prod"), "update"))
    assert cloud.principal == {"Federated": "arn:aws:iam::333333333333:oidc-provider/api.pulumi.com/oidc"}


def test_the_branch_and_the_repositorys_number_are_asked_for_where_they_are_known() -> None:
    token = Repository("acme", "shop", repository_id="345").token("prod").from_ref("refs/heads/main")
    (statement,) = federated(PLACE, token)
    assert statement.condition == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": "repo:acme/shop:environment:prod",
            f"{GITHUB}:repository_id": "345",
            f"{GITHUB}:ref": "refs/heads/main",
        }
    }
