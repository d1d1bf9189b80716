"""The roles by which jobs reach an account from outside: the tokens that open each, and its policies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from infra.identity.config import IdentityConfig, ServedStack
from infra.naming import AwsLocation, Names, Shared
from infra.permissions import artifacts
from infra.permissions.roles import PARTS, Policies, deploy, preview
from infra.permissions.trust import Token, pulumi_token
from infra.source import Source


@dataclass(frozen=True)
class Access:
    """One role of one stack, which any of `tokens` opens.

    `changes` is true if the role may change the stack, false if it may only read it. `artifact_account` holds the
    bundles, "" for the stack's own.
    """

    stack: ServedStack
    names: Names
    role: str
    tokens: tuple[Token, ...]
    changes: bool
    artifact_account: str = ""
    alone: bool = True  # the account has no other stack
    parts = PARTS

    @property
    def operation(self) -> str:
        """Return Pulumi's name for the role's operation, "preview" or "update"."""
        return "update" if self.changes else "preview"

    @property
    def does(self) -> str:
        """Return what the role does, as a clause after its ARN."""
        return f"{'releases and changes' if self.changes else 'reads, and cannot change,'} stack {self.names.stack}"

    @property
    def serves(self) -> str | None:
        return self.names.stack

    def policies(self, place: AwsLocation, key_arn: str) -> Policies:
        """Return the role's policies. `key_arn` is the key of the stacks' secrets."""
        may = deploy if self.changes else preview
        api = self.stack.api_id or ("*" if self.alone else "")
        resources = replace(self.stack.resources(self.names), artifact_account=self.artifact_account, api=api)
        return may(self.names, place, resources, key_arn=key_arn, role=self.role)


@dataclass(frozen=True)
class Builder:
    """The role of the build job, which publishes the bundles and reaches no stack."""

    project: str
    role: str
    tokens: tuple[Token, ...]
    sources: bool = False  # an event starts a release of a stack of the account
    changes = False
    parts = ("artifacts",)
    does = "publishes bundles, and reaches no stack"
    serves = None

    def policies(self, place: AwsLocation, _: str) -> Policies:
        return {"artifacts": artifacts.artifact_publish(self.project, place, sources=self.sources)}


def accesses(config: IdentityConfig) -> Iterator[Access | Builder]:
    """Yield every role of the account.

    GitHub's jobs have two for each stack, Pulumi Deployments two more where it is configured, and the build job has one
    in the account that holds the bundles.
    """
    repository = config.github.found
    kept = config.artifacts
    if kept.account_id is None:
        token = repository.token(kept.environment).from_ref(config.github.ref)
        by_event = any(each.follows and each.follows.by_event for each in config.stacks)
        yield Builder(config.project, Shared(config.project).build_role, (token,), by_event)
    for access in _of_stacks(config):
        yield replace(access, artifact_account=kept.account_id or "", alone=len(config.stacks) == 1)


def _of_stacks(config: IdentityConfig) -> Iterator[Access]:
    repository = config.github.found
    for stack in config.stacks:
        names = stack.names(config.project)
        deploys = repository.token(stack.environment).from_ref(config.github.ref)
        yield Access(stack, names, names.deploy_role, (deploys,), changes=True)
        yield Access(stack, names, names.preview_role, tuple(_previews(config, stack)), changes=False)
        if config.pulumi is not None:
            for operation in ("preview", "update"):
                token = pulumi_token(config.pulumi.organization, names, operation)
                yield Access(stack, names, names.pulumi_role(operation), (token,), changes=operation == "update")


def _previews(config: IdentityConfig, stack: ServedStack) -> Iterator[Token]:
    """Yield the tokens that open the preview role.

    The author of a branch decides what its jobs run, and the preview role decrypts the stack's secrets. So where the
    stack has reviewers, a branch previews it only from the stack's own preview environment, which has the same
    reviewers; merged code previews it from the environment that all stacks share. Terraform's role knows the shared one
    alone, so it stays so until the role is managed.
    """
    shared, repository = config.preview_environment, config.github.found
    if stack.reviewers and config.source is Source.MANAGED:
        yield repository.token(stack.preview_environment(shared))
        yield repository.token(shared).from_ref(config.github.ref)
    else:
        yield repository.token(shared)
