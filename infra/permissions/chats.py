"""Grants to put the events of releases, and to declare what makes messages of them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
"""

from collections.abc import Iterator

from infra.naming import AwsLocation, Names
from infra.permissions.grants import Grant
from infra.release_events import SOURCE

_LINKED = "aws-service-role/apidestinations.events.amazonaws.com/AWSServiceRoleForAmazonEventBridgeApiDestinations"


def release_events(names: Names, place: AwsLocation) -> Iterator[Grant]:
    """Yield the grants to put events of releases alone, and to declare the webhooks of chats.

    EventBridge keeps a connection's secret in Secrets Manager by the rights of the caller, and creates a role of its
    own for that at the first connection of an account.
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEventBridgeFullAccess.html
    """
    yield Grant(
        "ReleaseEvents",
        "events",
        (place.arn("events", "event-bus/default"),),
        writes=("PutEvents",),
        condition={"StringEquals": {"events:source": SOURCE}},
    )
    chats = names.webhook("*")
    connections = place.arn("events", f"connection/{chats}")
    changes = ("CreateConnection", "DeleteConnection", "UpdateConnection")
    yield Grant("Connections", "events", (connections,), ("DescribeConnection",), changes)
    # No reads, so the preview role gets none: the address of a chat is a secret.
    yield Grant(
        "Chats",
        "events",
        (place.arn("events", f"api-destination/{chats}"),),
        writes=tuple(f"{verb}ApiDestination" for verb in ("Create", "Delete", "Describe", "Update")),
    )
    secret = place.arn("secretsmanager", f"secret:events!connection/{chats}")
    calls = ("CreateSecret", "DeleteSecret", "GetSecretValue", "PutSecretValue", "UpdateSecret")
    yield Grant("ChatSecrets", "secretsmanager", (secret,), writes=calls)
    yield Grant(
        "ChatsRole",
        "iam",
        (place.global_arn("iam", f"role/{_LINKED}"),),
        writes=("CreateServiceLinkedRole",),
        condition={"StringEquals": {"iam:AWSServiceName": "apidestinations.events.amazonaws.com"}},
    )
