"""`environments`: GitHub's environments, as `bootstrap/` is configured.

The roles trust a token's environment, and those that deploy or build its branch too. An environment that restricts its
branches stops a job before it starts, where the role would only refuse it.
https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.identity.config import IdentityConfig
from infra.identity.explain import BOOTSTRAP, configured
from infra.pipeline.github import GitHub, connected, part
from infra.pipeline.output import BAD, USAGE, PipelineError, answering

MERGES = "refs/pull/*/merge"
"""What a pull request's jobs run on. GitHub matches an environment's branches with it."""


@dataclass(frozen=True)
class Environment:
    """One environment. `reviewers`: people, or teams as ORGANISATION/TEAM, one of whom lets each job of it start."""

    name: str
    branches: frozenset[str]
    reviewers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """One call to GitHub, and what it is for."""

    said: str
    method: str
    path: str
    body: Mapping[str, object] | None = None


def environments(
    *,
    repository: Annotated[str, typer.Option(help="OWNER/NAME on GitHub; else the one that is configured.")] = "",
    folder: Annotated[Path, typer.Option(help="Where Pulumi.ACCOUNT.yaml of the accounts are.")] = BOOTSTRAP,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without, nothing is changed.")] = False,
) -> None:
    """Say what differs between GitHub's environments and what bootstrap/ is configured with; --apply sets it right.

    GITHUB_TOKEN needs the permission "administration: write" of the repository, and to read the teams. Exit codes: 0
    nothing differs, or it is done; 1 something differs; 2 wrong usage; 4 GitHub does not say, or does not let us.
    """
    with answering():
        identities = [each.identity for each in configured(folder)]
        github = connected(repository or the_one({each.github.repository for each in identities}))
        found = [change for each in wanted(identities) for change in changes(github, each)]
        for change in found:
            typer.echo(f"{github.repository}: {change.said}")
            if apply:
                github.send(change.method, change.path, change.body)
    if not found:
        typer.echo(f"{github.repository}: every environment is as configured")
    elif not apply:
        typer.echo("Nothing was changed: give --apply (make environments APPLY=1)")
        raise typer.Exit(BAD)


def the_one(repositories: set[str]) -> str:
    """The repository that all accounts are configured with. Raises PipelineError where there are several, or none."""
    if len(repositories) != 1:
        named = ", ".join(sorted(repositories)) or "none"
        raise PipelineError(f"bootstrap/ is configured with several repositories or none ({named}); give one", USAGE)
    return next(iter(repositories))


def wanted(identities: Iterable[IdentityConfig]) -> list[Environment]:
    """The environments of all accounts: one branch alone builds and deploys, and pull requests only preview."""
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
    """What to call so that the environment is as wanted. What is not configured here, such as a wait timer, stays."""
    path = f"environments/{part(environment.name)}"
    there: dict[str, Any] | None = github.get(path)
    rules = {rule["type"]: rule for rule in (there or {}).get("protection_rules", ())}
    review = rules.get("required_reviewers", {})
    custom = bool(((there or {}).get("deployment_branch_policy") or {}).get("custom_branch_policies"))
    known = {(each["type"], each["reviewer"]["id"]) for each in review.get("reviewers", ())}
    wants = [_reviewer(github, each) for each in sorted(environment.reviewers)]
    if there is None or not custom or known != set(wants):
        who = ", ".join(sorted(environment.reviewers)) or "nobody"
        yield Change(
            f"environment {environment.name}: restrict its branches, to be reviewed by {who}",
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
    let_in = {each["name"]: each["id"] for each in github.every(policies, "branch_policies")} if custom else {}
    for name in sorted(environment.branches - set(let_in)):
        body = {"name": name, "type": "branch"}
        yield Change(f"environment {environment.name}: let {name} in", "POST", policies, body)
    for name in sorted(set(let_in) - environment.branches):
        yield Change(f"environment {environment.name}: shut {name} out", "DELETE", f"{policies}/{let_in[name]}")


def _reviewer(github: GitHub, name: str) -> tuple[str, int]:
    """A reviewer as GitHub takes it, by kind and number. Raises PipelineError where there is no such person or team."""
    organisation, _, team = name.rpartition("/")
    path = f"/orgs/{part(organisation)}/teams/{part(team)}" if organisation else f"/users/{part(name)}"
    if (found := github.get(path)) is None:
        kind = "team" if organisation else "person"
        raise PipelineError(f"GitHub knows or shows no {kind} {name!r}, a reviewer in bootstrap/; correct it")
    return ("Team" if organisation else "User"), int(found["id"])
