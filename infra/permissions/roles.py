"""The policies of the roles that deploy a stack, preview it, and read its releases as proof."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from infra.naming import AwsLocation, Names
from infra.permissions import artifacts, grants, state
from infra.permissions.access_log import access_log
from infra.permissions.api import api, domain
from infra.permissions.chats import release_events
from infra.permissions.declared import Resources
from infra.permissions.grants import Grant
from infra.permissions.statement import Statement
from infra.permissions.triggers import triggers

PARTS = ("functions", "api", "triggers", "roles", "delivery", "state")
"""The managed policies of a role: IAM bounds the size of each, and not of all together."""
Policies = Mapping[str, tuple[Statement, ...]]
"""The statements by part."""


@dataclass(frozen=True)
class PeerStack:
    """Another stack of the project, and its account, twelve digits.

    It is the stack before this one, which proves this one's releases, or the one after, whose releases this one proves.
    """

    names: Names
    account: str

    def role(self, place: AwsLocation, name: str) -> str:
        """Return the ARN of a role in its account, which is in the same partition."""
        return self._arn(place, f"role/{name}")

    def root(self, place: AwsLocation) -> str:
        """Return the ARN that stands for its whole account."""
        return self._arn(place, "root")

    def _arn(self, place: AwsLocation, resource: str) -> str:
        return replace(place, account=self.account).global_arn("iam", resource)


@dataclass(frozen=True)
class StackResources:
    """The facts of a stack that its name does not determine.

    `table` is the table's name. Where Terraform owns it, `legacy_bucket` and `legacy_key` locate Terraform's state;
    where it owns functions, alarms and deployments, `legacy_functions` are bucket and key of each state of theirs.
    `before` is the stack whose releases prove this one's. `artifact_account` holds the bundles, "" for the stack's own.
    `api` is the id of its API; "*" where every API of the account is the stack's; "" where the id is unknown. `domain`
    is the API's own name, and `zone_id` the hosted zone that has its record; each "" where there is none.
    """

    table: str
    legacy_bucket: str = ""
    legacy_key: str = ""
    legacy_functions: tuple[tuple[str, str], ...] = ()
    before: PeerStack | None = None
    artifact_account: str = ""
    api: str = "*"
    domain: str = ""
    zone_id: str = ""


def deploy(names: Names, place: AwsLocation, resources: StackResources, *, key_arn: str, role: str) -> Policies:
    """Return the policies of a role that releases and changes this stack, and nothing else in the account.

    The role may not delete the stack or anything that holds state, change its own rights, or create a role without the
    boundary. `role` is its own name, since it may read itself; `key_arn` is the key of the stacks' secrets.
    """
    granted = _granted(names, place, resources, key_arn, role)
    return {name: tuple(each for grant in found for each in grant.all()) for name, found in granted.items()}


def preview(names: Names, place: AwsLocation, resources: StackResources, *, key_arn: str, role: str) -> Policies:
    """Return the policies of a role that reads what a preview of this stack compares, and changes nothing."""
    granted = _granted(names, place, resources, key_arn, role)
    return {name: tuple(each for grant in found for each in grant.only_reads()) for name, found in granted.items()}


def proof(names: Names, place: AwsLocation) -> tuple[Statement, ...]:
    """Return the statement by which the stack after this one reads the outcome of this one's releases."""
    reads = ("BatchGetDeployments", "ListDeployments", "ListTagsForResource")
    actions = tuple(f"codedeploy:{each}" for each in reads)
    return (Statement("Records", actions, tuple(Resources(names, place).groups)),)


def _granted(
    names: Names, place: AwsLocation, resources: StackResources, key_arn: str, role: str
) -> Mapping[str, tuple[Grant, ...]]:
    itself = place.global_arn("iam", f"role/{role}")
    data: tuple[Grant, ...]
    if resources.legacy_bucket:
        data = (state.legacy_state(place, (resources.legacy_bucket, resources.legacy_key)),)
    else:
        data = tuple(grants.table(place, resources.table))
    return {
        "functions": grants.functions(names, place),
        "api": (
            *api(names, place, resources.api),
            *access_log(names, place),
            *(domain(names, place, resources.domain, resources.zone_id) if resources.domain else ()),
        ),
        "triggers": (*triggers(names, place), *release_events(names, place)),
        "roles": (
            *grants.roles(names, place),
            Grant("Itself", "iam", (itself,), ("GetRole", "SimulatePrincipalPolicy")),
            *_proofs(place, resources.before),
        ),
        "delivery": grants.delivery(names, place),
        "state": (
            *state.state(names, place, key_arn=key_arn),
            *artifacts.artifact_read(names.project, place, resources.artifact_account),
            *data,
            *_legacy_functions(place, resources),
        ),
    }


def _legacy_functions(place: AwsLocation, resources: StackResources) -> Iterator[Grant]:
    """Yield the grant on the states of the functions' layers, without one that the data's grant names already."""
    data = (resources.legacy_bucket, resources.legacy_key)
    if states := [each for each in resources.legacy_functions if each != data]:
        yield state.legacy_state(place, *states, kind="LegacyFunctions")


def _proofs(place: AwsLocation, before: PeerStack | None) -> Iterator[Grant]:
    if before is not None:
        yield Grant("Proofs", "sts", (before.role(place, before.names.proof_role),), ("AssumeRole",))
