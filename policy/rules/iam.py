"""Least privilege: roles have the boundary, policies name actions and principals, and no access key exists."""

from collections.abc import Iterator

from policy.rule import Rule, must
from policy.rules.documents import DOCUMENTS, Statement, allowed, listed, principals
from policy.tokens import PERMISSION, ROLE
from policy.view import UNKNOWN, Resource, Stack

ACCESS_KEY = "aws:iam/accessKey:AccessKey"
ATTACHMENTS = frozenset(
    {
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    }
)
KEY_POLICIES = frozenset({"aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy"})
DUTY = "name the actions that it allows"
TOO_MUCH = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
# KMS names these with an asterisk where a service encrypts by a key: the calls of one operation, not a wider right.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
OPERATIONS = frozenset({"kms:GenerateDataKey*", "kms:ReEncrypt*"})


def actions(resource: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege"""
    for where, statement in allowed(resource):
        if "NotAction" in statement:
            remedy = "name the actions that are called, in Action"
            yield must(resource, DUTY, f"{where}.NotAction", statement["NotAction"], remedy)
        wide = [action for action in listed(statement.get("Action")) if "*" in str(action) and action not in OPERATIONS]
        if wide and not (resource.type in KEY_POLICIES and _is_the_account(statement)):
            remedy = f"name the actions that are called in place of {', '.join(map(str, wide))}"
            yield must(resource, DUTY, f"{where}.Action", statement["Action"], remedy)


def _is_the_account(statement: Statement) -> bool:
    """Return True if a key's statement is the account's, without which IAM cannot administer the key.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    found = list(principals(statement))
    return bool(found) and all(kind == "AWS" and name.endswith(":root") for kind, name in found)


def anyone(resource: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"""
    duty, remedy = "name its principals", "name the service, the role or the account"
    if resource.type == PERMISSION:
        if resource.get("principal") == "*":
            yield must(resource, duty, "principal", "*", remedy)
        return
    for where, statement in allowed(resource):
        if "NotPrincipal" in statement:
            yield must(resource, duty, f"{where}.NotPrincipal", statement["NotPrincipal"], remedy)
        if any("*" in name for _, name in principals(statement)):
            yield must(resource, duty, f"{where}.Principal", statement["Principal"], remedy)


def managed(resource: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_job-functions.html"""
    path = "managedPolicyArns" if resource.type == ROLE else "policyArn"
    for arn in listed(resource.get(path)):
        if isinstance(arn, str) and arn.rpartition("/")[2] in TOO_MUCH:
            remedy = "attach a policy of the actions that are called"
            yield must(resource, "be granted no more than it needs", path, arn, remedy)


def boundary(role: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    found, name = role.get("permissionsBoundary"), stack.settings.boundary
    if found is not UNKNOWN and not (isinstance(found, str) and found.endswith(f":policy/{name}")):
        remedy = f"set permissions_boundary to the ARN of the policy {name}, which `bootstrap/` creates in the account"
        yield must(role, "stay within the account's boundary", "permissionsBoundary", found, remedy)


def static_key(key: Resource, stack: Stack) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-workloads-use-roles"""
    remedy = "delete it, and let the caller assume a role by its own identity (OIDC, or the service's role)"
    yield must(key, "not exist: an access key never expires", "user", key.get("user"), remedy)


RULES = (
    Rule("iam-actions", "A policy names the actions that it allows", frozenset(DOCUMENTS), actions),
    Rule("iam-principals", "A policy names its principals", frozenset(DOCUMENTS) | {PERMISSION}, anyone),
    Rule("iam-managed", "No managed policy of an administrator is attached", ATTACHMENTS | {ROLE}, managed),
    Rule("iam-boundary", "Every role carries the permissions boundary", frozenset({ROLE}), boundary),
    Rule("iam-access-key", "There is no static access key", frozenset({ACCESS_KEY}), static_key),
)
