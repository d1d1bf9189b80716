"""`environments` makes GitHub's environments match the configuration of `bootstrap/`.

All roles check a token's environment; those that deploy or build check its branch too. An environment that restricts
its branches stops a job of another branch before it starts, while a role refuses it only when it runs.
https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.console import CommandError, Exit, UsageError
from infra.identity.config import IdentityConfig
from infra.identity.explain import BOOTSTRAP, configured
from infra.pipeline.github import GitHub, connected, part
from infra.pipeline.output import answering

MERGES = "refs/pull/*/merge"
"""The ref that a pull request's jobs run on, as an environment's branch policy names it."""


@dataclass(frozen=True)
class Environment:
    """One environment. `reviewers` are people, or teams as ORGANISATION/TEAM; one of them must approve each job."""

    name: str
    branches: frozenset[str]
    reviewers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """One call to GitHub. `description` is its purpose, as a line of output."""

    description: str
    method: str
    path: str
    body: Mapping[str, object] | None = None


def environments(
    *,
    repository: Annotated[str, typer.Option(help="OWNER/NAME on GitHub; by default the configured one.")] = "",
    folder: Annotated[Path, typer.Option(help="The folder with the accounts' Pulumi.ACCOUNT.yaml.")] = BOOTSTRAP,
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes; without it they are only listed.")] = False,
) -> None:
    """List the differences between GitHub's environments and the configuration of bootstrap/; --apply removes them.

    GITHUB_TOKEN needs the permission "administration: write" of the repository, and to read the teams. Exit codes: 0
    nothing differs, or the changes are made; 1 something differs; 2 wrong usage; 4 GitHub does not answer, or refuses.
    """
    with answering():
        identities = [each.identity for each in configured(folder)]
        github = connected(repository or the_one({each.github.repository for each in identities}))
        found = [change for each in wanted(identities) for change in changes(github, each)]
        for change in found:
            typer.echo(f"{github.repository}: {change.description}")
            if apply:
                github.send(change.method, change.path, change.body)
    if not found:
        typer.echo(f"{github.repository}: every environment is as configured")
    elif not apply:
        typer.echo("Nothing was changed; give --apply to change it (make environments APPLY=1)")
        raise typer.Exit(Exit.FAILED)


def the_one(repositories: set[str]) -> str:
    """Return the repository that all accounts are configured with. Raises CommandError for several or none."""
    if len(repositories) != 1:
        named = ", ".join(sorted(repositories)) or "none"
        raise UsageError(
            f"bootstrap/ is configured with several repositories or none ({named}); give one by --repository"
        )
    return next(iter(repositories))


def wanted(identities: Iterable[IdentityConfig]) -> list[Environment]:
    """Return the environments of all accounts: one branch builds and deploys, and pull requests only preview."""
    found: dict[str, Environment] = {}
    for identity in identities:
        previews, branch = identity.preview_environment, frozenset({identity.github.branch})
        found[previews] = Environment(previews, branch | {MERGES})
        if identity.artifacts.account_id is None:
            found[identity.artifacts.environment] = Environment(identity.artifacts.environment, branch)
        for stack in identity.stacks:
            if stack.reviewers:
                own = stack.preview_environment(previews)
                found[own] = Environment(own, branch | {MERGES}, frozenset(stack.reviewers))
            found[stack.environment] = Environment(stack.environment, branch, frozenset(stack.reviewers))
    return list(found.values())


def changes(github: GitHub, environment: Environment) -> Iterator[Change]:
    """Yield the calls that make the environment as wanted. Settings that are not ours, e.g. a wait timer, stay."""
    path = f"environments/{part(environment.name)}"
    there: dict[str, Any] | None = github.get(path)
    rules = {rule["type"]: rule for rule in (there or {}).get("protection_rules", ())}
    review = rules.get("required_reviewers", {})
    custom = bool(((there or {}).get("deployment_branch_policy") or {}).get("custom_branch_policies"))
    known = {(each["type"], each["reviewer"]["id"]) for each in review.get("reviewers", ())}
    wants = [_reviewer(github, each) for each in sorted(environment.reviewers)]
    if there is None or not custom or known != set(wants):
        reviewers = ", ".join(sorted(environment.reviewers)) or "none"
        yield Change(
            f"environment {environment.name}: restrict its branches; reviewers: {reviewers}",
            "PUT",
            path,
            {
                "wait_timer": rules.get("wait_timer", {}).get("wait_timer", 0),
                "prevent_self_review": review.get("prevent_self_review", False),
                "reviewers": [{"type": kind, "id": number} for kind, number in wants] or None,
                "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
            },
        )
    policies = f"{path}/deployment-branch-policies"
    allowed_branches = (
        {each["name"]: each["id"] for each in github.every(policies, "branch_policies")} if custom else {}
    )
    for name in sorted(environment.branches - set(allowed_branches)):
        body = {"name": name, "type": "branch"}
        yield Change(f"environment {environment.name}: allow branch {name}", "POST", policies, body)
    for name in sorted(set(allowed_branches) - environment.branches):
        yield Change(
            f"environment {environment.name}: remove branch {name}", "DELETE", f"{policies}/{allowed_branches[name]}"
        )


def _reviewer(github: GitHub, name: str) -> tuple[str, int]:
    """Return a reviewer's type and id on GitHub. Raises CommandError where there is no such person or team."""
    organisation, _, team = name.rpartition("/")
    path = f"/orgs/{part(organisation)}/teams/{part(team)}" if organisation else f"/users/{part(name)}"
    if (found := github.get(path)) is None:
        kind = "team" if organisation else "person"
        raise CommandError(
            f"GitHub does not know or does not show the {kind} {name!r}, a reviewer in bootstrap/; correct it, or "
            "give a token that may read it"
        )
    return ("Team" if organisation else "User"), int(found["id"])
