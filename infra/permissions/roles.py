"""Who deploys and who previews a stack, and what each may do: the statements, by policy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from infra.naming import AwsLocation, Names
from infra.permissions import artifacts, grants, state
from infra.permissions.access_log import access_log
from infra.permissions.api import api
from infra.permissions.declared import Resources
from infra.permissions.grants import Grant
from infra.permissions.statement import Statement

PARTS = ("functions", "api", "roles", "delivery", "state")
"""What each policy of a role is about: IAM bounds the size of each, and not of all together."""
Policies = Mapping[str, tuple[Statement, ...]]
"""By part."""


@dataclass(frozen=True)
class PeerStack:
    """Another stack of the project: the one before, which proves releases, or the one after, to which they are proved.
    `account`: twelve digits."""

    names: Names
    account: str

    def role(self, place: AwsLocation, name: str) -> str:
        """The ARN of a role in its account, which is of the same partition."""
        return self._arn(place, f"role/{name}")

    def root(self, place: AwsLocation) -> str:
        """The ARN that stands for its whole account."""
        return self._arn(place, "root")

    def _arn(self, place: AwsLocation, resource: str) -> str:
        return replace(place, account=self.account).global_arn("iam", resource)


@dataclass(frozen=True)
class StackResources:
    """What a stack has beside what its name tells: the name of its table, and whether Terraform has that; then
    `legacy_bucket` and `legacy_key` say where its state is. `artifact_account`: whose bundles it takes, if not its own.
    `before`: the stack whose releases prove its own. `api`: the id of its API, "*" where every API of the account is
    its own, or "" where it is not known."""

    table: str
    legacy_bucket: str = ""
    legacy_key: str = ""
    before: PeerStack | None = None
    artifact_account: str = ""
    api: str = "*"


def deploy(names: Names, place: AwsLocation, belongings: StackResources, *, key_arn: str, role: str) -> Policies:
    """Release and change this stack, and nothing else in the account. `role`: its own name, which it may look at.

    Not: delete the stack, or anything that holds state; change its own rights; make a role without the boundary.
    """
    granted = _granted(names, place, belongings, key_arn, role)
    return {name: tuple(each for grant in found for each in grant.all()) for name, found in granted.items()}


def preview(names: Names, place: AwsLocation, belongings: StackResources, *, key_arn: str, role: str) -> Policies:
    """Read what a preview of this stack compares, and change nothing."""
    granted = _granted(names, place, belongings, key_arn, role)
    return {name: tuple(each for grant in found for each in grant.only_reads()) for name, found in granted.items()}


def proof(names: Names, place: AwsLocation) -> tuple[Statement, ...]:
    """Read what became of this stack's releases: what the stack after it asks, and nothing else."""
    reads = ("BatchGetDeployments", "ListDeployments", "ListTagsForResource")
    actions = tuple(f"codedeploy:{each}" for each in reads)
    return (Statement("Records", actions, tuple(Resources(names, place).groups)),)


def _granted(
    names: Names, place: AwsLocation, belongings: StackResources, key_arn: str, role: str
) -> Mapping[str, tuple[Grant, ...]]:
    itself = place.global_arn("iam", f"role/{role}")
    data: tuple[Grant, ...]
    if belongings.legacy_bucket:
        data = (state.legacy_state(place, belongings.legacy_bucket, belongings.legacy_key),)
    else:
        data = tuple(grants.table(place, belongings.table))
    return {
        "functions": grants.functions(names, place),
        "api": (*api(names, place, belongings.api), *access_log(names, place)),
        "roles": (
            *grants.roles(names, place),
            Grant("Itself", "iam", (itself,), ("GetRole", "SimulatePrincipalPolicy")),
            *_proofs(place, belongings.before),
        ),
        "delivery": grants.delivery(names, place),
        "state": (
            *state.state(names, place, key_arn=key_arn),
            *artifacts.taking(names.project, place, belongings.artifact_account),
            *data,
        ),
    }


def _proofs(place: AwsLocation, before: PeerStack | None) -> Iterator[Grant]:
    if before is not None:
        yield Grant("Proofs", "sts", (before.role(place, before.names.proof_role),), ("AssumeRole",))
