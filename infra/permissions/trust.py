"""Whom a role trusts: an AWS service, or exactly one kind of token of exactly one issuer.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_secure-by-default.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.naming import AwsLocation, Names
from infra.permissions.statement import Statement


@dataclass(frozen=True)
class Issuer:
    """Who signs tokens: its URL without the scheme, which is how IAM names it."""

    host: str

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def arn(self, place: AwsLocation) -> str:
        """An account has at most one provider for an URL, so its ARN is known."""
        return place.global_arn("iam", f"oidc-provider/{self.host}")


GITHUB = Issuer("token.actions.githubusercontent.com")
PULUMI = Issuer("api.pulumi.com/oidc")
GITHUB_AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True)
class Token:
    """The one kind of token that a role takes. `claims`: what else it must say, by name.

    Of a token's other claims STS compares those that it knows of the issuer, in a role's trust policy alone.
    https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
    """

    issuer: Issuer
    audience: str
    subject: str
    claims: tuple[tuple[str, str], ...] = ()

    def from_ref(self, ref: str) -> "Token":
        """The same, and only of a job that runs on this branch or tag, e.g. "refs/heads/main"."""
        return replace(self, claims=(*self.claims, ("ref", ref)))

    @property
    def asked(self) -> dict[str, str]:
        """What the token must say, by the name of the claim."""
        return {"aud": self.audience, "sub": self.subject, **dict(self.claims)}

    def opens(self, shown: "Token") -> bool:
        """Whether what a job shows is such a token. A claim that is not known of the job counts as right."""
        known = dict(shown.claims)
        same = (self.issuer, self.audience, self.subject) == (shown.issuer, shown.audience, shown.subject)
        return same and all(known.get(name, value) == value for name, value in self.claims)


def trust(service: str, place: AwsLocation) -> tuple[Statement, ...]:
    """An AWS service, e.g. "lambda", may take the role, for what is in the role's own account alone.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    principal = {"Service": f"{service}.amazonaws.com"}
    own = {"StringEquals": {"aws:SourceAccount": place.account}}
    return (Statement("Assume", ("sts:AssumeRole",), principal=principal, condition=own),)


def neighbours(account: str, roles: Sequence[str]) -> tuple[Statement, ...]:
    """These roles of another account may take the role. By condition, since IAM takes no principal that is not there
    yet, and forgets one that was made anew. `account`: the ARN of its root; `roles`: ARNs.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    only = {"StringEquals": {"aws:PrincipalArn": list(roles)}}
    return (Statement("Assume", ("sts:AssumeRole",), principal={"AWS": account}, condition=only),)


def federated(place: AwsLocation, *tokens: Token) -> tuple[Statement, ...]:
    """Who shows one of these tokens may take the role: each claim that is asked for is equal to the token's, to the
    letter."""
    return tuple(
        Statement(
            f"Exchange{number}" if number else "Exchange",
            ("sts:AssumeRoleWithWebIdentity",),
            principal={"Federated": token.issuer.arn(place)},
            condition={"StringEquals": {f"{token.issuer.host}:{claim}": value for claim, value in token.asked.items()}},
        )
        for number, token in enumerate(tokens)
    )


@dataclass(frozen=True)
class Repository:
    """A GitHub repository. With `owner_id` its subjects name both immutable numbers; a repository has one form or the
    other. `repository_id` is asked of every token, where it is given.

    The numbers are in the subjects of repositories that were created, renamed or transferred after July 15, 2026, or
    that have opted in. https://docs.github.com/en/actions/reference/security/oidc
    """

    owner: str
    name: str
    owner_id: str = ""
    repository_id: str = ""

    def __str__(self) -> str:
        if not self.owner_id:
            return f"{self.owner}/{self.name}"
        return f"{self.owner}@{self.owner_id}/{self.name}@{self.repository_id}"

    def token(self, environment: str) -> Token:
        """The token of a job in one of the repository's environments."""
        claims = (("repository_id", self.repository_id),) if self.repository_id else ()
        return Token(GITHUB, GITHUB_AUDIENCE, f"repo:{self}:environment:{environment}", claims)


def pulumi_token(organization: str, names: Names, operation: str) -> Token:
    """The token of Pulumi Deployments for one operation on one stack, "preview" or "update".

    https://www.pulumi.com/docs/deployments/deployments/oidc/aws/
    """
    stack = f"org:{organization}:project:{names.project}:stack:{names.stack}"
    return Token(PULUMI, organization, f"pulumi:deploy:{stack}:operation:{operation}:scope:write")
