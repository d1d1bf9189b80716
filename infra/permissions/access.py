"""Who reaches an account from outside: each role that a token opens, the token, and what the role may do."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.config.identity import IdentityConfig, ServedStack
from infra.naming import Names, Place
from infra.permissions.people import Policies, deploy, preview
from infra.permissions.tokens import Token, pulumi_token


@dataclass(frozen=True)
class Access:
    """One role of one stack. `changes` says whether it may change the stack, or only look at it."""

    stack: ServedStack
    names: Names
    role: str
    token: Token
    changes: bool

    @property
    def operation(self) -> str:
        """What Pulumi calls it, "preview" or "update"."""
        return "update" if self.changes else "preview"

    def arn(self, place: Place) -> str:
        return place.global_arn("iam", f"role/{self.role}")

    def policies(self, place: Place, key_arn: str) -> Policies:
        """What the role may do. `key_arn`: of the key of the stacks' secrets."""
        may = deploy if self.changes else preview
        return may(self.names, place, self.stack.belongings(self.names), key_arn=key_arn, role=self.role)


def accesses(config: IdentityConfig) -> Iterator[Access]:
    """Every role: of GitHub's jobs two for each stack, of Pulumi Deployments two more where it is configured."""
    repository = config.github.found
    for stack in config.stacks:
        names = Names(config.project, stack.name)
        yield Access(stack, names, names.deploy_role, repository.token(stack.environment), changes=True)
        yield Access(stack, names, names.preview_role, repository.token(config.preview_environment), changes=False)
        if config.pulumi is not None:
            for operation in ("preview", "update"):
                token = pulumi_token(config.pulumi.organization, names, operation)
                yield Access(stack, names, names.pulumi_role(operation), token, changes=operation == "update")
