"""Computes the size of a stack's managed policies by its number of functions: IAM limits the characters of each."""

import re

from infra import permissions
from infra.naming import AwsLocation, Names
from infra.permissions import StackResources
from infra.permissions.statement import LARGEST

BAR = 0.75 * LARGEST  # characters; a quarter stays free
PLACE = AwsLocation("aws", "eu-central-1", "333333333333")


def sizes(functions: int) -> dict[str, int]:
    """Return the characters without white space by policy: of the deploy role, the preview role, and the boundary."""
    names = Names("strata", "prod", ("orders", *(f"service-{number:02}" for number in range(1, functions))))
    own = StackResources(names.table)
    makers = {names.deploy_role: permissions.deploy, names.preview_role: permissions.preview}
    found = {
        f"{role}-{part}": statements
        for role, make in makers.items()
        for part, statements in make(names, PLACE, own, key_arn=PLACE.arn("kms", f"key/{'k' * 36}"), role=role).items()
    }
    found[names.boundary] = permissions.boundary(names, PLACE, names.table)
    return {name: len(re.sub(r"\s", "", permissions.document(each))) for name, each in found.items()}
