"""EventBridge's deliveries to API destinations and topics: retries, dead letters, and what webhooks get."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import REGION, Cloud, until

HOST, URL = "chat.example.com", "https://chat.example.com/hook"


class Wired:
    """A rule whose target is an API destination, with a dead-letter queue."""

    def __init__(self, client: Callable[[str], Any], cloud: Cloud) -> None:
        self.events, self.queues, self.cloud = client("events"), client("sqs"), cloud
        self.queue = self.queues.create_queue(QueueName="dead")["QueueUrl"]
        self.dead_arn = self.queues.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        secret = [{"Key": "sig", "Value": "s3cret", "IsValueSecret": True}]
        self.connection = self.events.create_connection(
            Name="chat",
            AuthorizationType="API_KEY",
            AuthParameters={
                "ApiKeyAuthParameters": {"ApiKeyName": "x-stack", "ApiKeyValue": "prod"},
                "InvocationHttpParameters": {"QueryStringParameters": secret},
            },
        )["ConnectionArn"]
        self.destination = self.events.create_api_destination(
            Name="chat", ConnectionArn=self.connection, InvocationEndpoint=URL, HttpMethod="POST"
        )["ApiDestinationArn"]
        self.rule = self.events.put_rule(Name="notice", EventPattern=json.dumps({"source": ["shop"]}))["RuleArn"]

    def answers(self, *statuses: int) -> None:
        self.cloud.control("POST", "webhooks", {HOST: list(statuses)})

    def target(self, arn: str = "", **more: Any) -> None:
        target = {"Id": "chat", "Arn": arn or self.destination, "DeadLetterConfig": {"Arn": self.dead_arn}, **more}
        assert self.events.put_targets(Rule="notice", Targets=[target])["FailedEntryCount"] == 0

    def put(self) -> None:
        detail = json.dumps({"message": {"slack": {"text": "hello"}}, "what": "one 'line'"})
        self.events.put_events(Entries=[{"Source": "shop", "DetailType": "Notice", "Detail": detail}])

    def requests(self) -> list[dict[str, Any]]:
        _, answer = self.cloud.control("GET", "webhooks")
        return [each for each in answer["requests"] if HOST in each["url"]]

    def dead(self) -> dict[str, Any]:
        """Return the attributes of the first dead letter, and its body."""

        def received() -> list[dict[str, Any]]:
            answer = self.queues.receive_message(QueueUrl=self.queue, MessageAttributeNames=["All"])
            found: list[dict[str, Any]] = answer.get("Messages", [])
            return found

        [message] = until(received)
        said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
        return {**said, "event": json.loads(message["Body"])}


@pytest.fixture
def wired(client: Callable[[str], Any], cloud: Cloud) -> Wired:
    return Wired(client, cloud)


def test_an_api_destination_gets_the_part_of_the_event_and_the_secrets_of_the_connection(wired: Wired) -> None:
    wired.answers(200)
    wired.target(InputPath="$.detail.message.slack")
    wired.put()
    assert until(wired.requests)
    [request] = wired.requests()
    assert (request["url"], request["method"], json.loads(request["body"])) == (
        f"{URL}?sig=s3cret",
        "POST",
        {"text": "hello"},
    )
    assert request["headers"]["x-stack"] == "prod"


@pytest.mark.parametrize("status", [500, 503, 429, 409, 401, 0])
def test_an_address_that_is_down_for_a_while_loses_nothing(wired: Wired, status: int) -> None:
    wired.answers(status, status, 200)
    wired.target()
    wired.put()
    assert until(lambda: len(wired.requests()) >= 3)
    assert [each["status"] for each in wired.requests()] == [status, status, 200]


@pytest.mark.parametrize(("status", "said"), [(500, "HTTP 500"), (0, "no answer within 5 seconds")])
def test_an_address_that_stays_down_leaves_a_dead_letter(wired: Wired, status: int, said: str) -> None:
    wired.answers(status)
    wired.target(RetryPolicy={"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600})
    wired.put()
    dead = wired.dead()
    assert dead.pop("event")["source"] == "shop"
    assert dead == {
        "RULE_ARN": wired.rule,
        "TARGET_ARN": wired.destination,
        "ERROR_CODE": "SDK_CLIENT_ERROR",
        "ERROR_MESSAGE": said,
        "RETRY_ATTEMPTS": "2",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }
    assert len(wired.requests()) == 3


def test_an_event_that_is_too_old_is_a_dead_letter(wired: Wired) -> None:
    wired.answers(500)
    wired.target(RetryPolicy={"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 60})
    wired.put()
    assert wired.dead()["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_what_cannot_succeed_is_not_tried_again(wired: Wired, status: int) -> None:
    wired.answers(status)
    wired.target()
    wired.put()
    assert wired.dead()["ERROR_MESSAGE"] == f"HTTP {status}"
    assert len(wired.requests()) == 1


def test_a_destination_that_is_gone_leaves_a_dead_letter(wired: Wired) -> None:
    wired.target()
    wired.events.delete_api_destination(Name="chat")
    wired.put()
    assert wired.dead()["ERROR_CODE"] == "RESOURCE_NOT_FOUND"


def test_a_topic_gets_the_lines_of_an_input_transformer(
    wired: Wired, client: Callable[[str], Any], account: str
) -> None:
    topic = client("sns").create_topic(Name="notice")["TopicArn"]
    inbox = client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{account}:inbox")
    lines = {"InputPathsMap": {"what": "$.detail.what"}, "InputTemplate": '"<what>"\n"Do: it"'}
    wired.target(topic, InputTransformer=lines)
    wired.put()

    def received() -> Any:
        return client("sqs").receive_message(QueueUrl=inbox).get("Messages")

    [message] = until(received)
    assert json.loads(message["Body"])["Message"] == '"one \'line\'"\n"Do: it"'


def test_the_description_of_a_connection_shows_no_secret(wired: Wired) -> None:
    found = wired.events.describe_connection(Name="chat")["AuthParameters"]
    assert found["ApiKeyAuthParameters"] == {"ApiKeyName": "x-stack"}
    assert found["InvocationHttpParameters"]["QueryStringParameters"] == [{"Key": "sig", "IsValueSecret": True}]


def test_arns_end_in_a_unique_id(wired: Wired, account: str) -> None:
    start = f"arn:aws:events:{REGION}:{account}"
    assert wired.connection.startswith(f"{start}:connection/chat/")
    assert wired.destination.startswith(f"{start}:api-destination/chat/")
    assert wired.events.describe_api_destination(Name="chat")["ConnectionArn"] == wired.connection


@pytest.mark.parametrize("answers", [[], {HOST: []}, {HOST: [99]}, {HOST: "500"}])
def test_answers_that_are_none_are_refused(cloud: Cloud, answers: Any) -> None:
    status, said = cloud.control("POST", "webhooks", answers)
    assert status == 400
    assert "list of statuses" in said["mistakes"][0]
