"""Trust policies: a role trusts an AWS service, roles of another account, or exact tokens of one issuer.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_secure-by-default.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.naming import AwsLocation, Names
from infra.permissions.statement import Statement


@dataclass(frozen=True)
class Issuer:
    """An issuer of tokens. `host` is its URL without the scheme, as IAM names it."""

    host: str

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def arn(self, place: AwsLocation) -> str:
        """Return the ARN of its provider, which is known since an account has at most one for a URL."""
        return place.global_arn("iam", f"oidc-provider/{self.host}")


GITHUB = Issuer("token.actions.githubusercontent.com")
PULUMI = Issuer("api.pulumi.com/oidc")
GITHUB_AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True)
class Token:
    """The one kind of token that a role accepts. `claims` are further claims that must be equal, by name.

    STS compares further claims only where it knows them of the issuer, and only in a role's trust policy.
    https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
    """

    issuer: Issuer
    audience: str
    subject: str
    claims: tuple[tuple[str, str], ...] = ()

    def from_ref(self, ref: str) -> "Token":
        """Return this token, restricted to jobs that run on a branch or tag, e.g. "refs/heads/main"."""
        return replace(self, claims=(*self.claims, ("ref", ref)))

    @property
    def asked(self) -> dict[str, str]:
        """Return the claims that must be equal, by name."""
        return {"aud": self.audience, "sub": self.subject, **dict(self.claims)}

    def matches(self, shown: "Token") -> bool:
        """Return True if the token that a job shows is of this kind; a claim that it lacks is not compared."""
        known = dict(shown.claims)
        same = (self.issuer, self.audience, self.subject) == (shown.issuer, shown.audience, shown.subject)
        return same and all(known.get(name, value) == value for name, value in self.claims)


def trust(service: str, place: AwsLocation) -> tuple[Statement, ...]:
    """Return the statement that lets an AWS service, e.g. "lambda", assume the role, for its own account's resources.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    principal = {"Service": f"{service}.amazonaws.com"}
    own = {"StringEquals": {"aws:SourceAccount": place.account}}
    return (Statement("Assume", ("sts:AssumeRole",), principal=principal, condition=own),)


def cross_account_trust(account: str, roles: Sequence[str]) -> tuple[Statement, ...]:
    """Return the statement that lets these roles of another account assume the role.

    They stand in a condition because IAM refuses a principal that does not exist yet, and loses one that is recreated.
    `account` is the ARN of that account's root; `roles` are ARNs.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    only = {"StringEquals": {"aws:PrincipalArn": list(roles)}}
    return (Statement("Assume", ("sts:AssumeRole",), principal={"AWS": account}, condition=only),)


def federated(place: AwsLocation, *tokens: Token) -> tuple[Statement, ...]:
    """Return the statements that let a bearer of one of these tokens assume the role.

    Each claim of the token must be equal, without wildcards.
    """
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
    """A GitHub repository.

    With `owner_id` its subjects contain both immutable numbers; a repository has one form or the other. Where
    `repository_id` is given, every token must have it.

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
        """Return the token of a job in one of the repository's environments."""
        claims = (("repository_id", self.repository_id),) if self.repository_id else ()
        return Token(GITHUB, GITHUB_AUDIENCE, f"repo:{self}:environment:{environment}", claims)


def pulumi_token(organization: str, names: Names, operation: str) -> Token:
    """Return the token of Pulumi Deployments for one operation on one stack, "preview" or "update".

    https://www.pulumi.com/docs/deployments/deployments/oidc/aws/
    """
    stack = f"org:{organization}:project:{names.project}:stack:{names.stack}"
    return Token(PULUMI, organization, f"pulumi:deploy:{stack}:operation:{operation}:scope:write")
