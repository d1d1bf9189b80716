"""A stack's statements, and how tests search them."""

import re
from fnmatch import fnmatchcase

from infra import permissions
from infra.naming import AwsLocation, Names
from infra.permissions import StackResources, Statement

PROD, PLACE = Names("strata", "prod", ("orders",)), AwsLocation("aws", "eu-central-1", "333333333333")
KEY = PLACE.arn("kms", "key/1")
OWNED = StackResources("strata-prod-orders")
LEGACY = StackResources("orders-prod", "acme-terraform-state", "data/terraform.tfstate")
FUNCTIONS = tuple(
    ("acme-terraform-state", f"{layer}/terraform.tfstate") for layer in ("compute", "observability", "delivery")
)


def deploying(resources: StackResources = OWNED, names: Names = PROD) -> list[Statement]:
    found = permissions.deploy(names, PLACE, resources, key_arn=KEY, role=names.deploy_role)
    return [each for statements in found.values() for each in statements]


def previewing(resources: StackResources = OWNED) -> list[Statement]:
    found = permissions.preview(PROD, PLACE, resources, key_arn=KEY, role=PROD.preview_role)
    return [each for statements in found.values() for each in statements]


def named(sid: str, statements: list[Statement]) -> Statement:
    """Return the one statement with this Sid."""
    (found,) = [each for each in statements if each.sid == sid]
    return found


def granting(action: str, statements: list[Statement]) -> list[Statement]:
    return [each for each in statements if action in each.actions]


def allowed(action: str, arn: str, statements: list[Statement]) -> bool:
    """Return True if a statement allows the call, conditions aside; `*` and `?` match slashes and colons too."""
    patterns = [pattern for each in granting(action, statements) for pattern in each.resources]
    return any(fnmatchcase(arn, pattern.replace("[", "[[]")) for pattern in patterns)


def size(text: str) -> int:
    """Return the size in characters as IAM counts it."""
    return len(re.sub(r"\s", "", text))
