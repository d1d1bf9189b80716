"""Tokens, right and forged, and the roles that they are for."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from local.tests.cloud.conftest import Cloud

GITHUB = "https://token.actions.githubusercontent.com"
PULUMI = "https://api.pulumi.com/oidc"
STS_AUDIENCE = "sts.amazonaws.com"
NAMED = "repo:acme/shop:environment:prod"
NUMBERED = "repo:acme@1234/shop@5678:environment:prod"
REF = "refs/heads/main"
STACK = "pulumi:deploy:org:acme:project:shop:stack:prod:operation:update:scope:write"

Json = dict[str, Any]


class Federation:
    """An account with both providers, and roles that trust them."""

    def __init__(self, cloud: Cloud, account: str) -> None:
        self.cloud = cloud
        self.account = account
        self.iam = cloud.client("iam", account)
        for url, audience in ((GITHUB, STS_AUDIENCE), (PULUMI, "acme")):
            self.iam.create_open_id_connect_provider(Url=url, ClientIDList=[audience])

    def role(
        self, name: str, url: str, audience: str, subject: str, claims: Mapping[str, str] | None = None, **options: Any
    ) -> str:
        """Return the ARN of a role that trusts exactly this subject, and asks for `claims` beside it."""
        path = url.removeprefix("https://")
        asked = {"aud": audience, "sub": subject, **(claims or {})}
        allowed = {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{self.account}:oidc-provider/{path}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{path}:{name}": value for name, value in asked.items()}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        return str(self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **options)["Role"]["Arn"])

    def issued(self, issuer: str = GITHUB, **claims: Any) -> str:
        """Return a token with the issuer's own signature; by default GitHub's for the environment prod."""
        right = {
            "sub": NAMED,
            "aud": STS_AUDIENCE,
            "repository": "acme/shop",
            "repository_id": "5678",
            "repository_owner_id": "1234",
            "environment": "prod",
            "ref": REF,
            "job_workflow_ref": f"acme/shop/.github/workflows/deploy.yml@{REF}",
            "workflow": "Main",
            "actor_id": "99",
        }
        status, answer = self.cloud.control("POST", "tokens", {"issuer": issuer, "claims": {**right, **claims}})
        assert status == 200, answer
        return str(answer["token"])

    def published(self, issuer: str = GITHUB) -> Json:
        """Return the issuer's first key as it publishes it."""
        path = issuer.removeprefix("https://")
        _, configuration = self.cloud.control("GET", f"issuers/{path}/.well-known/openid-configuration")
        assert configuration["jwks_uri"].startswith(self.cloud.endpoint)
        _, keys = self.cloud.http("GET", configuration["jwks_uri"].removeprefix(self.cloud.endpoint))
        return dict(json.loads(keys)["keys"][0])

    def assume(self, role: str, token: str, **options: Any) -> Json:
        """Return STS's answer to the token, from a caller without any key."""
        unsigned = self.cloud.client("sts", "", signed=False)
        given = {"RoleArn": role, "RoleSessionName": "run-1", "WebIdentityToken": token, **options}
        return dict(unsigned.assume_role_with_web_identity(**given))


def keys(credentials: Json) -> dict[str, str]:
    """Credentials in STS's shape as boto3's clients take them."""
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


@cache
def unpublished_key() -> RSAPrivateKey:
    """Return a key that no issuer publishes."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def claims_of(token: str) -> Json:
    """Return a token's claims, unverified."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def spelled(value: bytes | Mapping[str, Any]) -> str:
    """Return an encoded part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def resigned(token: str, key: Any = None, algorithm: str = "RS256", **header: Any) -> str:
    """Return the claims of a token under another signature; it keeps the key id unless `header` says otherwise."""
    kept = {"kid": jwt.get_unverified_header(token)["kid"], **header}
    return jwt.encode(claims_of(token), key or unpublished_key(), algorithm=algorithm, headers=kept)
