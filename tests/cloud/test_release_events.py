"""The event of a release on the local cloud: it reaches a rule, and one that is not taken is an error that says why."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.release.engine.cloud import AwsError
from infra.release.model.outcome import Ending, Outcome
from local.tests.cloud.conftest import until
from tests.cloud.test_release_engine import GOOD, World, cloud, live, world
from tests.cloud.test_release_reads import ask

__all__ = ["cloud", "live", "world"]  # fixtures

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


def test_the_doctor_announces_a_drift_once_and_again_when_it_came_back(live: World, tmp_path: Path) -> None:
    events, queues = live.client("events"), live.client("sqs")
    queue = queues.create_queue(QueueName="drifts")["QueueUrl"]
    [arn] = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"].values()
    pattern = {"source": ["strata.release"], "detail": {"stack": ["prod"], "state": ["drifted"]}}
    events.put_rule(Name="drifted", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="drifted", Targets=[{"Id": "queue", "Arn": arn, "InputPath": "$.detail.message"}])

    def said() -> list[str]:
        found = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            queues.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(each["Body"])["what"] for each in found]

    ask(live, tmp_path, "1", "doctor")  # of the group, which does not roll back
    assert until(said) == ["prod: deployment group orders: changed outside of Strata"]
    live.functions.alias(live.functions.publish(GOOD.replace("VERSION", "2")))
    ask(live, tmp_path, "2", "doctor")
    assert until(said) == ["prod: alias orders:live: changed outside of Strata"]
    ask(live, tmp_path, "2", "doctor")
    live.functions.alias("1")
    ask(live, tmp_path, "1", "doctor")
    time.sleep(2)  # for an event that must not come
    assert said() == []
    live.functions.alias("2")
    ask(live, tmp_path, "2", "doctor")
    assert until(said) == ["prod: alias orders:live: changed outside of Strata"]


def test_an_event_that_is_not_taken_is_an_error_with_the_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}]}
    put: Callable[..., Any] = lambda **_: failed  # noqa: E731
    monkeypatch.setattr(world.aws.clients.events, "put_events", put)
    with pytest.raises(AwsError, match="took no event: InternalFailure: try again"):
        world.aws.announce("prod", world.target("2"), "promoted", "abc123", [END])
