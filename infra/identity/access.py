"""Who reaches an account from outside: each role that a token opens, the token, and what the role may do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from infra.identity.config import IdentityConfig, ServedStack
from infra.naming import AwsLocation, Names, Shared
from infra.permissions import artifacts
from infra.permissions.roles import PARTS, Policies, deploy, preview
from infra.permissions.trust import Token, pulumi_token


@dataclass(frozen=True)
class Access:
    """One role of one stack, which any of `tokens` opens. `changes` says whether it may change the stack, or only look
    at it."""

    stack: ServedStack
    names: Names
    role: str
    tokens: tuple[Token, ...]
    changes: bool
    artifact_account: str = ""
    alone: bool = True  # whether the account has no other stack
    parts = PARTS

    @property
    def operation(self) -> str:
        """What Pulumi calls it, "preview" or "update"."""
        return "update" if self.changes else "preview"

    @property
    def does(self) -> str:
        """In a few words."""
        return f"{'releases and changes' if self.changes else 'reads, and cannot change,'} stack {self.names.stack}"

    @property
    def serves(self) -> str | None:
        return self.names.stack

    def policies(self, place: AwsLocation, key_arn: str) -> Policies:
        """What the role may do. `key_arn`: of the key of the stacks' secrets."""
        may = deploy if self.changes else preview
        api = self.stack.api_id or ("*" if self.alone else "")
        belongings = replace(self.stack.belongings(self.names), artifact_account=self.artifact_account, api=api)
        return may(self.names, place, belongings, key_arn=key_arn, role=self.role)


@dataclass(frozen=True)
class Builder:
    """The role of the job that builds the bundles: it keeps them, and reaches no stack."""

    project: str
    role: str
    tokens: tuple[Token, ...]
    changes = False
    parts = ("artifacts",)
    does = "keeps bundles, and reaches no stack"
    serves = None

    def policies(self, place: AwsLocation, _: str) -> Policies:
        return {"artifacts": artifacts.keeping(self.project, place)}


def accesses(config: IdentityConfig) -> Iterator[Access | Builder]:
    """Every role: of GitHub's jobs two for each stack, of Pulumi Deployments two more where it is configured, and one
    that builds where the account keeps the bundles."""
    repository = config.github.found
    kept = config.artifacts
    if kept.account_id is None:
        token = repository.token(kept.environment).from_ref(config.github.ref)
        yield Builder(config.project, Shared(config.project).build_role, (token,))
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
    """Whoever pushes a branch decides what its jobs run, and who previews decrypts the stack's secrets. So where the
    stack has reviewers, branches preview it from an environment of its own, which has them too, and what is merged
    from the one that all stacks share."""
    shared, repository = config.preview_environment, config.github.found
    if stack.reviewers:
        yield repository.token(stack.preview_environment(shared))
        yield repository.token(shared).from_ref(config.github.ref)
    else:
        yield repository.token(shared)
