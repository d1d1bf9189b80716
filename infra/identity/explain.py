"""`explain` shows, for a repository and an environment, the token that AWS expects and the roles that it opens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from infra.config import ConfigError
from infra.console import Exit, Json, UsageError, answer, answering, plain_table
from infra.identity import config as identity
from infra.identity.access import Access, Builder, accesses
from infra.identity.config import ENVIRONMENT, OWNER, REPOSITORY, BootstrapConfig
from infra.naming import AwsLocation, Shared
from infra.permissions.statement import Statement
from infra.permissions.trust import Repository, Token

BOOTSTRAP = Path(__file__).resolve().parents[2] / "bootstrap"
PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}  # by how a region's name begins; any other is in "aws"


@dataclass(frozen=True)
class AssumableRole:
    """A role in its account. `key` is the ARN of the alias of the stacks' secrets key; its id is known in AWS only."""

    access: Access | Builder
    place: AwsLocation
    key: str

    @property
    def arn(self) -> str:
        return self.place.global_arn("iam", f"role/{self.access.role}")

    def statements(self) -> Iterator[tuple[str, Statement]]:
        """Yield each statement with the part of the policies that holds it."""
        for part, found in self.access.policies(self.place, self.key).items():
            yield from ((part, each) for each in found)

    def to_dict(self) -> dict[str, Any]:
        may = [{"policy": f"{self.access.role}-{part}", **each.as_json()} for part, each in self.statements()]
        return {
            "role": self.arn,
            "takes": [each.asked for each in self.access.tokens],
            "stack": self.access.serves,
            "changes": self.access.changes,
            "statements": may,
        }


def explain(
    *,
    repository: Annotated[str, typer.Option(help="OWNER/NAME on GitHub.")],
    environment: Annotated[str, typer.Option(help="The GitHub environment of the job.")],
    owner_id: Annotated[str, typer.Option(help="GitHub's number of the owner, where subjects hold it.")] = "",
    repository_id: Annotated[str, typer.Option(help="GitHub's number of the repository.")] = "",
    ref: Annotated[str, typer.Option(help="The job's branch or tag, as a token names it.")] = "refs/heads/main",
    folder: Annotated[Path, typer.Option(help="The folder with the accounts' Pulumi.ACCOUNT.yaml.")] = BOOTSTRAP,
    as_json: Json = False,
) -> None:
    """Show the token of a job of this repository and environment, the roles that accept it, and what each may do.

    The subjects of repositories that were created, renamed or transferred after July 15, 2026 contain GitHub's numbers:
    give --owner-id and --repository-id for these.

    Exit codes: 0 a role accepts the token; 1 none does; 2 wrong usage, or a configuration with mistakes.
    """
    with answering({ConfigError: Exit.USAGE}, as_json=as_json):
        if (wrong := mistake(repository, environment, owner_id, repository_id)) is not None:
            raise UsageError(wrong)
        roles = list(every(folder))
    owner, _, name = repository.partition("/")
    found = Repository(owner, name, owner_id, repository_id)
    token = found.token(environment).from_ref(ref)
    open_ = [role for role in roles if any(each.matches(token) for each in role.access.tokens)]
    shown = {"issuer": token.issuer.url, "audience": token.audience, "subject": token.subject, **dict(token.claims)}
    document = {"token": shown | {"form": form(found)}, "opens": [role.to_dict() for role in open_]}
    code = Exit.OK if open_ else Exit.FAILED
    answer(document, *_shown(token, form(found), open_, roles), as_json=as_json, code=code)


def mistake(repository: str, environment: str, owner_id: str, repository_id: str) -> str | None:
    """Return the error in the command's options; None if there is none."""
    if not re.fullmatch(f"{OWNER}/{REPOSITORY}", repository):
        return f"--repository is {repository!r}, not a repository: give OWNER/NAME, e.g. acme/strata"
    if not re.fullmatch(ENVIRONMENT.pattern, environment):
        return f"--environment is {environment!r}: give {ENVIRONMENT.expected}"
    if owner_id and not repository_id:
        return "a subject contains both numbers or none: give --repository-id beside --owner-id, or leave that out"
    for name, number in (("--owner-id", owner_id), ("--repository-id", repository_id)):
        if number and not number.isdigit():
            return f"{name} is {number!r}: give the number by which GitHub knows it"
    return None


def form(repository: Repository) -> str:
    """Return a text that names the subject's form, the repositories that have it, and how to find the other form.

    https://docs.github.com/en/actions/reference/security/oidc
    """
    after = "created, renamed or transferred after July 15, 2026"
    if repository.owner_id:
        return f"ids: of a repository that was {after}, or has opted in. Any other repository's has names alone."
    path = f"{repository.owner}/{repository.name}"
    return (
        f"names: of a repository that was neither {after}, nor has opted in. Any other repository's is "
        f"repo:{repository.owner}@OWNERID/{repository.name}@REPOID:...; "
        f"`gh api repos/{path} --jq '.owner.id, .id'` shows both numbers."
    )


def every(folder: Path) -> Iterator[AssumableRole]:
    """Yield every role of every account that is configured in `folder`. Raises ConfigError."""
    for config in configured(folder):
        region = config.account.region
        partition = next((name for start, name in PARTITIONS.items() if region.startswith(start)), "aws")
        for account in config.account.allowed_account_ids:
            place = AwsLocation(partition, region, account)
            key = place.arn("kms", Shared(config.identity.project).secrets_key)
            yield from (AssumableRole(access, place, key) for access in accesses(config.identity))


def configured(folder: Path) -> Iterator[BootstrapConfig]:
    """Yield the configuration of `bootstrap/`, account by account. Raises ConfigError."""
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        yield identity.of(folder, file.name.removeprefix("Pulumi.").removesuffix(".yaml"))


def _shown(token: Token, form: str, roles: list[AssumableRole], known: list[AssumableRole]) -> Iterator[RenderableType]:
    yield "AWS accepts the job's token only where all of this is equal:"
    for name, value in (("issuer", token.issuer.url), ("audience", token.audience), ("subject", token.subject)):
        yield f"  {name:<9} {value}"
    yield f"The subject's form is {form}"
    if not roles:
        yield "No role accepts it. The configured roles accept:"
        yield from (f"  {line}" for line in sorted({_asked(each) for role in known for each in role.access.tokens}))
    for role in roles:
        yield f"\n{role.arn} {role.access.does}:"
        if only := _and(next(each for each in role.access.tokens if each.matches(token))):
            yield f"It accepts the token only{only}."
        yield _table(role)


def _asked(token: Token) -> str:
    """Return the subject and the further claims that a role requires."""
    return f"{token.subject}{_and(token)}"


def _and(token: Token) -> str:
    claims = " and ".join(f"{name} {value}" for name, value in token.claims)
    return f" with {claims}" if claims else ""


def _table(role: AssumableRole) -> Table:
    table = plain_table(between=1)
    table.add_column("statement", no_wrap=True)
    for name in ("may call", "on", "only where"):
        table.add_column(name, ratio=1, overflow="fold")
    for _, each in role.statements():
        only = [
            f"{key} is {value if isinstance(value, str) else ' or '.join(value)}"
            for keys in (each.condition or {}).values()
            for key, value in keys.items()
        ]
        on = [_short(arn) for arn in each.resources]
        table.add_row(each.sid, "\n".join(sorted(each.actions)), "\n".join(on), "\n".join(only))
    return table


def _short(arn: str) -> str:
    """Return an ARN without partition, region and account, which the heading shows."""
    return arn.split(":", 5)[-1]
