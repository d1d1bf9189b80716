"""EventBridge's API destinations and the connections that they use.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnection.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html
"""

from typing import Any

from local.providers.resource import Aws, Field, Live, Resource, from_api, pascal, props, to_api, unset
from local.providers.wire import Bag

_LISTS = {"bodies": "BodyParameters", "headers": "HeaderParameters", "queryStrings": "QueryStringParameters"}


def _authorized(given: Bag) -> dict[str, Any]:
    """Return the parameters of a connection as EventBridge takes them. Only an API key is known here."""
    key = given["apiKey"]
    found: dict[str, Any] = {"ApiKeyAuthParameters": {"ApiKeyName": key["key"], "ApiKeyValue": key["value"]}}
    if sent := given.get("invocationHttpParameters"):
        found["InvocationHttpParameters"] = {
            _LISTS[kind]: [
                {"Key": each["key"], "Value": each["value"], "IsValueSecret": each.get("isValueSecret", False)}
                for each in listed
            ]
            for kind, listed in sent.items()
            if kind in _LISTS
        }
    return found


class EventConnection(Resource):
    """A connection. Its id is its name. EventBridge returns no secret, so its parameters are those that were given."""

    kind = "aws:cloudwatch/eventConnection:EventConnection"
    service = "events"
    label = "EventBridge Connection"
    settings = props(authorizationType=Field(required=True), description=Field())
    fields = props(name=Field(replaces=True), authParameters=Field(required=True, unread=True), **settings)
    outputs = ("arn", "secretArn")
    also = unset(invocationConnectivityParameters=None, kmsKeyIdentifier=None)

    def create(self, aws: Aws, new: Bag) -> str:
        aws("events").create_connection(**self._given(new))
        return str(new["name"])

    def _given(self, new: Bag) -> dict[str, Any]:
        settings = to_api(self.settings, new, pascal)
        return {"Name": new["name"], "AuthParameters": _authorized(new["authParameters"]), **settings}

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        answer = aws("events").describe_connection(Name=identity)
        outputs = {"name": identity, "arn": answer["ConnectionArn"], "secretArn": answer.get("SecretArn", "")}
        return Live(identity, {**from_api(self.settings, answer, pascal), **outputs})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        aws("events").update_connection(**self._given(new))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("events").delete_connection(Name=identity)


class EventApiDestination(Resource):
    """An API destination. Its id is its name."""

    kind = "aws:cloudwatch/eventApiDestination:EventApiDestination"
    service = "events"
    label = "EventBridge API Destination"
    fields = props(
        name=Field(replaces=True),
        connectionArn=Field(required=True),
        description=Field(),
        httpMethod=Field(required=True),
        invocationEndpoint=Field(required=True),
        invocationRateLimitPerSecond=Field(default=300),
    )
    outputs = ("arn",)

    def create(self, aws: Aws, new: Bag) -> str:
        aws("events").create_api_destination(**to_api(self.own, new, pascal))
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        answer = aws("events").describe_api_destination(Name=identity)
        return Live(identity, {**from_api(self.own, answer, pascal), "arn": answer["ApiDestinationArn"]})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        aws("events").update_api_destination(**to_api(self.own, new, pascal))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("events").delete_api_destination(Name=identity)
