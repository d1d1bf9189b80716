"""IAM statements, policy documents, and the size limit of a managed policy."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

IAM_VERSION = "2012-10-17"  # the policy language's
LARGEST = 6_144
"""Characters of a managed policy, white space apart.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""


class PolicyError(ValueError):
    """IAM would refuse a policy; the message says why, and names the remedy."""


@dataclass(frozen=True)
class Statement:
    """One Allow. Only trust and resource policies have a `principal`, e.g. {"Service": "lambda.amazonaws.com"}.

    `effect` is "Deny" only in a resource policy that forbids something to all callers.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    principal: Mapping[str, str] | str | None = None
    condition: Mapping[str, Mapping[str, str | Sequence[str]]] | None = None
    effect: str = "Allow"

    def as_json(self) -> dict[str, object]:
        body: dict[str, object] = {"Sid": self.sid, "Effect": self.effect, "Action": sorted(self.actions)}
        if self.principal is not None:
            body["Principal"] = self.principal if isinstance(self.principal, str) else dict(self.principal)
        if self.resources:
            body["Resource"] = list(self.resources)
        if self.condition is not None:
            body["Condition"] = {operator: dict(keys) for operator, keys in self.condition.items()}
        return body


def document(statements: Sequence[Statement]) -> str:
    """Return the statements as a policy document: JSON text, equal for equal statements."""
    return json.dumps({"Version": IAM_VERSION, "Statement": [statement.as_json() for statement in statements]})


def managed(name: str, statements: Sequence[Statement]) -> str:
    """Return the document of the managed policy `name`. Raises PolicyError where it exceeds IAM's limit."""
    text = document(statements)
    if (size := len(re.sub(r"\s", "", text))) > LARGEST:
        raise PolicyError(
            f"the policy {name} has {size:,} characters, and IAM takes {LARGEST:,} of a managed policy; give the stack "
            "fewer functions, or move statements into another policy"
        )
    return text
