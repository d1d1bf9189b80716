"""Web identity: the issuers of the local cloud, the roles that trust them, and sessions that end."""

import time
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import Cloud, until
from local.tests.cloud.tokens import GITHUB, NAMED, NUMBERED, PULUMI, STACK, STS_AUDIENCE, Federation, keys


@pytest.fixture
def federation(cloud: Cloud, account: str) -> Federation:
    """A fresh account's."""
    return Federation(cloud, account)


def caller(cloud: Cloud, credentials: dict[str, Any]) -> str:
    """Return the identity that STS gives to the bearer of `credentials`."""
    return str(cloud.client("sts", "", keys=keys(credentials)).get_caller_identity()["Arn"])


@pytest.mark.parametrize(
    ("issuer", "audience", "subject"),
    [(GITHUB, STS_AUDIENCE, NAMED), (GITHUB, STS_AUDIENCE, NUMBERED), (PULUMI, "acme", STACK)],
    ids=["github by names", "github by immutable ids", "pulumi deployments"],
)
def test_the_right_token_becomes_a_session_of_the_role(
    federation: Federation, issuer: str, audience: str, subject: str
) -> None:
    role = federation.role("deploy", issuer, audience, subject)
    answer = federation.assume(role, federation.issued(issuer, aud=audience, sub=subject))
    assert answer["SubjectFromWebIdentityToken"] == subject
    assert answer["Audience"] == audience
    session = f"arn:aws:sts::{federation.account}:assumed-role/deploy/run-1"
    assert answer["AssumedRoleUser"]["Arn"] == session
    assert caller(federation.cloud, answer["Credentials"]) == session


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("ref", "refs/heads/main"),
        ("repository_id", "5678"),
        ("environment", "prod"),
        ("job_workflow_ref", "acme/shop/.github/workflows/deploy.yml@refs/heads/main"),
        ("workflow", "Main"),
        ("actor_id", "99"),
    ],
)
def test_a_trust_policy_may_ask_for_github_claims_that_sts_knows(
    federation: Federation, claim: str, value: str
) -> None:
    right = federation.role("right", GITHUB, STS_AUDIENCE, NAMED, {claim: value})
    wrong = federation.role("wrong", GITHUB, STS_AUDIENCE, NAMED, {claim: f"{value}x"})
    assert federation.assume(right, federation.issued())["Credentials"]
    with pytest.raises(ClientError, match="Not authorized"):
        federation.assume(wrong, federation.issued())


@pytest.mark.parametrize("claim", ["repository_owner_id", "sha", "run_id", "runner_environment"])
def test_a_claim_that_sts_does_not_know_is_never_equal_to_anything(federation: Federation, claim: str) -> None:
    role = federation.role("deploy", GITHUB, STS_AUDIENCE, NAMED, {claim: "1234"})
    with pytest.raises(ClientError, match="Not authorized"):
        federation.assume(role, federation.issued(**{claim: "1234"}))


@pytest.mark.parametrize("issuer", [GITHUB, PULUMI])
def test_a_token_can_be_checked_with_nothing_but_what_its_issuer_publishes(federation: Federation, issuer: str) -> None:
    key = jwt.PyJWK(federation.published(issuer))
    claims = jwt.decode(federation.issued(issuer), key, algorithms=["RS256"], audience=STS_AUDIENCE, issuer=issuer)
    assert claims["sub"] == NAMED


def test_a_session_ends_in_simulated_time_and_is_then_refused_by_every_service(federation: Federation) -> None:
    role = federation.role("deploy", GITHUB, STS_AUDIENCE, NAMED)
    before = time.time()
    given = federation.assume(role, federation.issued(), DurationSeconds=900)["Credentials"]
    lasts = given["Expiration"].timestamp() - before
    assert lasts == pytest.approx(900 / federation.cloud.factor, abs=1)
    for service, call, code in (
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("dynamodb", "list_tables", "ExpiredTokenException"),
        ("lambda", "list_functions", "ExpiredTokenException"),
        ("s3", "list_buckets", "ExpiredToken"),
    ):
        client = federation.cloud.client(service, "", keys=keys(given))

        def refused(client: Any = client, call: str = call) -> str:
            try:
                getattr(client, call)()
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return ""

        assert until(refused, seconds=lasts + 10) == code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"DurationSeconds": 899}, "Member must have value greater than or equal to 900"),
        ({"DurationSeconds": 43_201}, "Member must have value less than or equal to 43200"),
        ({"DurationSeconds": 3601}, "DurationSeconds exceeds the MaxSessionDuration set for this role"),
        ({"RoleSessionName": "a b"}, "at 'roleSessionName' failed to satisfy constraint"),
    ],
)
def test_what_is_asked_of_a_session_has_bounds(federation: Federation, options: dict[str, Any], message: str) -> None:
    role = federation.role("deploy", GITHUB, STS_AUDIENCE, NAMED)
    with pytest.raises(ClientError, match=message) as refusal:
        federation.assume(role, federation.issued(), **options)
    assert refusal.value.response["Error"]["Code"] == "ValidationError"


def test_a_role_may_allow_longer_sessions(federation: Federation) -> None:
    role = federation.role("deploy", GITHUB, STS_AUDIENCE, NAMED, MaxSessionDuration=7200)
    assert federation.assume(role, federation.issued(), DurationSeconds=7200)["Credentials"]


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ({"issuer": "https://example.org", "claims": {}}, "it must be one of https://token.actions"),
        ({"claims": {}}, "it must be a JSON object"),
        ({"issuer": GITHUB, "claims": {"iss": 7}}, "iss"),
    ],
)
def test_a_token_that_no_issuer_would_give_is_not_to_be_had(cloud: Cloud, body: dict[str, Any], mistake: str) -> None:
    status, answer = cloud.control("POST", "tokens", body)
    assert status == 400
    assert mistake in answer["mistakes"][0]
