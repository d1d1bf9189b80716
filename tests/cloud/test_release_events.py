"""The event of a release on the local cloud: it reaches a rule, and one that is not taken is an error that says why."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.release.engine.cloud import AwsError
from infra.release.model.outcome import Ending, Outcome
from local.tests.cloud.conftest import until
from tests.cloud.test_release_engine import World, cloud, world

__all__ = ["cloud", "world"]  # fixtures

END = Outcome(Ending.PROMOTED, "orders", "verdict", "as good", "1", "2", "d-1", "all traffic is on 2")


def test_a_chat_gets_the_message_of_its_kind(world: World) -> None:
    events = world.client("events")
    connection = events.create_connection(
        Name="chat",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}},
    )["ConnectionArn"]
    chat = events.create_api_destination(
        Name="chat", ConnectionArn=connection, InvocationEndpoint="https://one.example.com/x", HttpMethod="POST"
    )["ApiDestinationArn"]
    pattern = {"source": ["strata.release"], "detail": {"stack": ["prod"], "state": ["promoted"]}}
    events.put_rule(Name="ended", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ended", Targets=[{"Id": "chat", "Arn": chat, "InputPath": "$.detail.message.slack"}])
    for stack, state in (("prod", "started"), ("dev", "promoted"), ("prod", "promoted")):
        world.aws.announce(stack, world.target("2"), state, "abc123", [END])
    [request] = until(lambda: world.cloud.control("GET", "webhooks")[1]["requests"])
    body = json.loads(request["body"])
    assert body["text"] == "prod: orders 1 -&gt; 2 is promoted"
    assert "Traffic: orders: all traffic is on 2" in body["blocks"][0]["text"]["text"]


def test_an_event_that_is_not_taken_is_an_error_with_the_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}]}
    put: Callable[..., Any] = lambda **_: failed  # noqa: E731
    monkeypatch.setattr(world.aws.clients.events, "put_events", put)
    with pytest.raises(AwsError, match="took no event: InternalFailure: try again"):
        world.aws.announce("prod", world.target("2"), "promoted", "abc123", [END])
