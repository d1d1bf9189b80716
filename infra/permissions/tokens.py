"""Whom a role trusts: an AWS service, or exactly one kind of token of exactly one issuer.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_secure-by-default.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.naming import Names, Place
from infra.permissions.statement import Statement


@dataclass(frozen=True)
class Issuer:
    """Who signs tokens: its URL without the scheme, which is how IAM names it."""

    host: str

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def arn(self, place: Place) -> str:
        """An account has at most one provider for an URL, so its ARN is known."""
        return place.global_arn("iam", f"oidc-provider/{self.host}")


GITHUB = Issuer("token.actions.githubusercontent.com")
PULUMI = Issuer("api.pulumi.com/oidc")
GITHUB_AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True)
class Token:
    """The one kind of token that a role takes."""

    issuer: Issuer
    audience: str
    subject: str


def trust(service: str) -> tuple[Statement, ...]:
    """An AWS service, e.g. "lambda", may take the role."""
    return (Statement("Assume", ("sts:AssumeRole",), principal={"Service": f"{service}.amazonaws.com"}),)


def neighbours(account: str, roles: Sequence[str]) -> tuple[Statement, ...]:
    """These roles of another account may take the role. By condition, since IAM takes no principal that is not there
    yet, and forgets one that was made anew. `account`: the ARN of its root; `roles`: ARNs.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    only = {"StringEquals": {"aws:PrincipalArn": list(roles)}}
    return (Statement("Assume", ("sts:AssumeRole",), principal={"AWS": account}, condition=only),)


def federated(place: Place, token: Token) -> tuple[Statement, ...]:
    """Who shows such a token may take the role: audience and subject are equal to the token's, to the letter."""
    host = token.issuer.host
    return (
        Statement(
            "Exchange",
            ("sts:AssumeRoleWithWebIdentity",),
            principal={"Federated": token.issuer.arn(place)},
            condition={"StringEquals": {f"{host}:aud": token.audience, f"{host}:sub": token.subject}},
        ),
    )


@dataclass(frozen=True)
class Repository:
    """A GitHub repository. With the two numbers its subject names them; a repository has one shape or the other."""

    owner: str
    name: str
    owner_id: str = ""
    repository_id: str = ""

    def __str__(self) -> str:
        if not self.owner_id:
            return f"{self.owner}/{self.name}"
        return f"{self.owner}-{self.owner_id}/{self.name}-{self.repository_id}"

    def token(self, environment: str) -> Token:
        """The token of a job in one of the repository's environments.

        https://docs.github.com/en/actions/reference/security/oidc
        """
        return Token(GITHUB, GITHUB_AUDIENCE, f"repo:{self}:environment:{environment}")


def pulumi_token(organization: str, names: Names, operation: str) -> Token:
    """The token of Pulumi Deployments for one operation on one stack, "preview" or "update".

    https://www.pulumi.com/docs/deployments/deployments/oidc/aws/
    """
    stack = f"org:{organization}:project:{names.project}:stack:{names.stack}"
    return Token(PULUMI, organization, f"pulumi:deploy:{stack}:operation:{operation}:scope:write")
