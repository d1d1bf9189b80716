"""Who deploys and who previews a stack, and what each may do: the statements, by policy."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.naming import Names, Place
from infra.permissions import artifacts, grants, state
from infra.permissions.grants import Grant
from infra.permissions.statement import Statement

PARTS = ("functions", "roles", "delivery", "state")
"""What each policy of a role is about: IAM bounds the size of each, and not of all together."""
Policies = Mapping[str, tuple[Statement, ...]]
"""By part."""


@dataclass(frozen=True)
class Belongings:
    """What a stack has beside what its name tells: the name of its table, and whether Terraform has that; then
    `legacy_bucket` and `legacy_key` say where its state is. `artifact_account`: whose bundles it takes, if not its own.
    """

    table: str
    legacy_bucket: str = ""
    legacy_key: str = ""
    artifact_account: str = ""


def deploy(names: Names, place: Place, belongings: Belongings, *, key_arn: str, role: str) -> Policies:
    """Release and change this stack, and nothing else in the account. `role`: its own name, which it may look at.

    Not: delete the stack, or anything that holds state; change its own rights; make a role without the boundary.
    """
    granted = _granted(names, place, belongings, key_arn, role)
    return {name: tuple(each for grant in found for each in grant.all()) for name, found in granted.items()}


def preview(names: Names, place: Place, belongings: Belongings, *, key_arn: str, role: str) -> Policies:
    """Read what a preview of this stack compares, and change nothing."""
    granted = _granted(names, place, belongings, key_arn, role)
    return {name: tuple(each for grant in found for each in grant.only_reads()) for name, found in granted.items()}


def _granted(
    names: Names, place: Place, belongings: Belongings, key_arn: str, role: str
) -> Mapping[str, tuple[Grant, ...]]:
    itself = place.global_arn("iam", f"role/{role}")
    if belongings.legacy_bucket:
        data = state.legacy_state(place, belongings.legacy_bucket, belongings.legacy_key)
    else:
        data = grants.table(place, belongings.table)
    return {
        "functions": grants.functions(names, place),
        "roles": (
            *grants.roles(names, place),
            Grant("Itself", "iam", (itself,), ("GetRole", "SimulatePrincipalPolicy")),
        ),
        "delivery": grants.delivery(names, place),
        "state": (
            *state.state(names, place, key_arn=key_arn),
            *artifacts.taking(names.project, place, belongings.artifact_account),
            data,
        ),
    }
