"""A role that trusts OIDC tokens names exactly which ones."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.rule import Rule, must
from policy.rules.documents import Statement, allowed, listed, principals
from policy.tokens import ROLE
from policy.view import Resource, Stack

CALL = "sts:AssumeRoleWithWebIdentity"
CLAIMS = {"sub": "subject", "aud": "audience"}


def trust(role: Resource, stack: Stack) -> Iterator[str]:
    """Without the subject every repository of the issuer may assume the role.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_secure-by-default.html
    """
    for where, statement in allowed(role):
        if CALL not in listed(statement.get("Action")):
            continue
        for kind, principal in principals(statement):
            if kind == "Federated":
                yield from _claims(role, where, statement, principal.partition(":oidc-provider/")[2] or principal)


def _claims(role: Resource, where: str, statement: Statement, issuer: str) -> Iterator[str]:
    for claim, words in CLAIMS.items():
        key = f"{issuer}:{claim}"
        values = listed(_exactly(statement).get(key.lower()))
        if not values or any("*" in str(value) or "?" in str(value) for value in values):
            remedy = f"add {key} with the whole {words} and no wildcard; StringLike will not do"
            given = statement.get("Condition")
            yield must(role, f"trust one exact {words}", f"{where}.Condition", given, remedy)


def _exactly(statement: Statement) -> dict[str, Any]:
    """Return the values of StringEquals by key in lower case: IAM ignores the case of operators and keys."""
    condition = statement.get("Condition")
    operators = condition.items() if isinstance(condition, Mapping) else ()
    asked = [keys for operator, keys in operators if operator.lower() == "stringequals" and isinstance(keys, Mapping)]
    return {key.lower(): value for keys in asked for key, value in keys.items()}


RULES = (Rule("oidc-subject", "A role trusts exact tokens only", frozenset({ROLE}), trust),)
