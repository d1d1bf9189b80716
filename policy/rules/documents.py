"""The statements of the policy documents in any resource's properties."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from policy.tokens import ROLE, TOPIC
from policy.view import Resource

# Properties that hold a policy document as JSON.
DOCUMENTS = {
    ROLE: "assumeRolePolicy",
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": "policy",
    "aws:dynamodb/resourcePolicy:ResourcePolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    TOPIC: "policy",
}

Statement = Mapping[str, Any]


def allowed(resource: Resource) -> Iterator[tuple[str, Statement]]:
    """Yield the Allow statements of a resource, each with the property that holds it; none where it is unknown yet.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    path = DOCUMENTS[resource.type]
    documents = [(path, resource.get(path))]
    inline = resource.get("inlinePolicies")
    if resource.type == ROLE and isinstance(inline, list):
        documents += [
            (f"inlinePolicies[{number}].policy", one.get("policy"))
            for number, one in enumerate(inline)
            if isinstance(one, Mapping)
        ]
    for where, text in documents:
        for number, statement in enumerate(_statements(text)):
            if statement.get("Effect") == "Allow":
                yield f"{where}.Statement[{statement.get('Sid', number)}]", statement


def _statements(text: Any) -> list[Statement]:
    try:
        document = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return []  # AWS refuses such a document
    found = document.get("Statement", []) if isinstance(document, Mapping) else []
    return [statement for statement in listed(found) if isinstance(statement, Mapping)]


def listed(value: Any) -> list[Any]:
    """Return a value as a list, since IAM accepts a single value in place of a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def principals(statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield each principal with its kind: ("AWS", "arn:..."), ("Federated", ...), or ("*", "*")."""
    given = statement.get("Principal")
    if isinstance(given, Mapping):
        yield from ((kind, str(one)) for kind, value in given.items() for one in listed(value))
    elif given is not None:
        yield str(given), str(given)
