"""Enforced policies: what event source mappings need of a function's execution role."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import Functions, until
from local.tests.cloud.enforced import Account, allow, cloud, document, own, refusal
from local.tests.cloud.sources import Sources

__all__ = ["cloud", "own"]  # fixtures

LOGS = allow(["logs:CreateLogStream", "logs:PutLogEvents"], Sid="Logs")
OF_STREAMS = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
OF_QUEUES = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


@pytest.fixture
def sources(client: Callable[[str], Any], functions: Functions) -> Sources:
    return Sources(client, functions)


def refused(call: Callable[[], Any]) -> str:
    """Return the message with which Lambda refuses a mapping."""
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    return str(error.value.response["Error"]["Message"])


@pytest.mark.parametrize("missing", OF_STREAMS)
def test_a_stream_is_mapped_only_if_the_role_may_read_it(own: Account, sources: Sources, missing: str) -> None:
    stream = sources.table()
    alias = sources.consumer("", Role=own.service_role("execution", "lambda", LOGS))
    some = [f"dynamodb:{action}" for action in OF_STREAMS if action != missing]
    own.grant("execution", LOGS, allow(some, stream))
    assert refused(lambda: sources.map(stream, alias)) == (
        f"Cannot access stream {stream}. Please ensure the role can perform the GetRecords, GetShardIterator, "
        "DescribeStream, and ListStreams Actions on your stream in IAM."
    )
    own.grant("execution", LOGS, allow([*some, f"dynamodb:{missing}"], stream, Sid="Stream"))
    sources.map(stream, alias)
    sources.put(1)
    assert sources.come([1]) == [[1]]
    used = {entry["action"] for entry in own.decisions() if entry["by"] == [{"policy": "rights", "sid": "Stream"}]}
    assert used == {f"dynamodb:{action}" for action in OF_STREAMS}


@pytest.mark.parametrize("missing", OF_QUEUES)
def test_a_queue_is_mapped_only_if_the_role_may_read_it(own: Account, sources: Sources, missing: str) -> None:
    queue = sources.queue()
    alias = sources.consumer("", Role=own.service_role("execution", "lambda", LOGS))
    some = [f"sqs:{action}" for action in OF_QUEUES if action != missing]
    own.grant("execution", LOGS, allow(some, queue))
    said = f"The function execution role does not have permissions to call {missing} on SQS"
    assert refused(lambda: sources.map(queue, alias)) == said
    own.grant("execution", LOGS, allow([*some, f"sqs:{missing}"], queue))
    sources.map(queue, alias)
    sources.send(1)
    assert sources.come([1]) == [[1]]


def test_a_destination_needs_that_the_role_may_send_to_it(own: Account, sources: Sources) -> None:
    stream = sources.table()
    dead = sources.queue("dead")
    reads = allow([f"dynamodb:{action}" for action in OF_STREAMS], stream)
    alias = sources.consumer("raise ValueError", Role=own.service_role("execution", "lambda", LOGS, reads))
    settings = {"DestinationConfig": {"OnFailure": {"Destination": dead}}, "MaximumRetryAttempts": 0}
    said = f"The function's execution role does not have permissions to call SendMessage on {dead}"
    assert refused(lambda: sources.map(stream, alias, **settings)) == said
    own.grant("execution", LOGS, reads, allow("sqs:SendMessage", dead))
    sources.map(stream, alias, **settings)
    sources.put(1)
    assert len(sources.dead(1)) == 1


def test_a_role_that_lost_its_rights_reads_no_more_until_it_has_them_again(own: Account, sources: Sources) -> None:
    queue = sources.queue()
    rights = allow([f"sqs:{action}" for action in OF_QUEUES], queue)
    sources.map(queue, sources.consumer("", Role=own.service_role("execution", "lambda", LOGS, rights)))
    own.grant("execution", LOGS)
    sources.send(1)
    denied = lambda: [e for e in own.decisions() if e["action"] == "sqs:ReceiveMessage" and not e["allowed"]]  # noqa: E731
    assert until(denied)
    assert sources.batches() == []
    own.grant("execution", LOGS, rights)
    assert sources.come([1]) == [[1]]


def test_a_deploy_role_may_be_limited_to_the_mappings_of_one_function(own: Account, sources: Sources) -> None:
    queue = sources.queue()
    rights = allow([f"sqs:{action}" for action in OF_QUEUES], queue)
    alias = sources.consumer("", Role=own.service_role("execution", "lambda", LOGS, rights))
    condition = {"ArnLike": {"lambda:FunctionArn": f"{alias}"}}
    mine = own.session(allow("lambda:*EventSourceMapping", Condition=condition))("lambda")
    others = json.loads(json.dumps(condition).replace("orders:live", "other:live"))
    theirs = own.session(allow("lambda:*EventSourceMapping", Condition=others))("lambda")
    create = {"EventSourceArn": queue, "FunctionName": alias}
    assert refusal(lambda: theirs.create_event_source_mapping(**create))
    made = mine.create_event_source_mapping(**create)["UUID"]
    assert refusal(lambda: theirs.get_event_source_mapping(UUID=made))
    assert mine.get_event_source_mapping(UUID=made)["UUID"] == made


@pytest.mark.parametrize(
    ("qualifier", "source", "invoked"),
    [("live", "shop/large", True), ("live", "shop/other", False), ("", "shop/large", False)],
)
def test_a_rule_invokes_an_alias_only_by_a_permission_on_it(
    own: Account, functions: Functions, qualifier: str, source: str, invoked: bool
) -> None:
    role = own.service_role("execution", "lambda", LOGS)
    alias = functions.alias(functions.create("def handler(event, context):\n    return 1\n", Role=role))
    events = own.admin("events")
    events.create_event_bus(Name="shop")
    rule = events.put_rule(Name="large", EventBusName="shop", EventPattern='{"source": ["shop"]}')["RuleArn"]
    events.put_targets(Rule="large", EventBusName="shop", Targets=[{"Id": "live", "Arn": alias}])
    functions.client.add_permission(
        FunctionName="orders",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=own.arn("events", f"rule/{source}"),
        **({"Qualifier": qualifier} if qualifier else {}),
    )
    entry = {"Source": "shop", "DetailType": "any", "Detail": "{}", "EventBusName": "shop"}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    asked = [
        entry["allowed"]
        for entry in own.cloud.control("GET", "decisions")[1]["decisions"]
        if entry["caller"] == "events.amazonaws.com" and entry["resource"] == alias
    ]
    assert asked == [invoked]
    assert rule.endswith("rule/shop/large")
    logs = own.admin("logs")
    if invoked:
        assert until(lambda: logs.describe_log_groups()["logGroups"])


@pytest.mark.parametrize(("source", "sent"), [("rule/shop/large", 1), ("rule/shop/other", 0)])
def test_an_event_that_no_permission_lets_through_goes_to_the_dead_letter_queue_if_its_policy_permits_the_rule(
    own: Account, functions: Functions, source: str, sent: int
) -> None:
    role = own.service_role("execution", "lambda", LOGS)
    alias = functions.alias(functions.create("def handler(event, context):\n    return 1\n", Role=role))
    events, sqs, queue = own.admin("events"), own.admin("sqs"), own.arn("sqs", "dead")
    sender = {
        **allow("sqs:SendMessage", queue, Condition={"ArnEquals": {"aws:SourceArn": own.arn("events", source)}}),
        "Principal": {"Service": "events.amazonaws.com"},
    }
    url = sqs.create_queue(QueueName="dead", Attributes={"Policy": document(sender)})["QueueUrl"]
    events.create_event_bus(Name="shop")
    events.put_rule(Name="large", EventBusName="shop", EventPattern='{"source": ["shop"]}')
    target = {"Id": "live", "Arn": alias, "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule="large", EventBusName="shop", Targets=[target])
    entry = {"Source": "shop", "DetailType": "any", "Detail": '{"total": 11}', "EventBusName": "shop"}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=1).get("Messages", [])
    assert len(found) == sent
    for message in found:
        assert json.loads(message["Body"])["detail"] == {"total": 11}
        said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
        assert (said["RULE_ARN"], said["TARGET_ARN"]) == (own.arn("events", "rule/shop/large"), alias)
        assert said["ERROR_CODE"] == "NO_PERMISSIONS"


def test_a_target_with_a_role_is_called_only_by_the_roles_rights(own: Account) -> None:
    events, dead = own.admin("events"), own.admin("sqs").create_queue(QueueName="dead")["QueueUrl"]
    connection = events.create_connection(
        Name="chat",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}},
    )["ConnectionArn"]
    destination = events.create_api_destination(
        Name="chat", ConnectionArn=connection, InvocationEndpoint="https://own.example.com", HttpMethod="POST"
    )["ApiDestinationArn"]
    events.put_rule(Name="notice", EventPattern=json.dumps({"source": ["shop"]}))
    rights = allow("events:InvokeApiDestination", own.arn("events", "api-destination/other/*"))
    role = own.service_role("notice", "events", rights)
    own.admin("sqs").set_queue_attributes(
        QueueUrl=dead,
        Attributes={
            "Policy": document(
                allow("sqs:SendMessage", own.arn("sqs", "dead"), Principal={"Service": "events.amazonaws.com"})
            )
        },
    )
    target = {"Id": "chat", "Arn": destination, "RoleArn": role, "DeadLetterConfig": {"Arn": own.arn("sqs", "dead")}}
    events.put_targets(Rule="notice", Targets=[target])
    put = {"Entries": [{"Source": "shop", "DetailType": "Notice", "Detail": "{}"}]}
    events.put_events(**put)

    def received() -> Any:
        return own.admin("sqs").receive_message(QueueUrl=dead, MessageAttributeNames=["All"]).get("Messages")

    [message] = until(received)
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    own.grant("notice", allow("events:InvokeApiDestination", own.arn("events", "api-destination/chat/*")))
    events.put_events(**put)
    assert until(lambda: [each for each in own.cloud.control("GET", "webhooks")[1]["requests"] if "own" in each["url"]])
