"""`redrive` gives dead letters again, as a role with no more rights than docs/access.md lists for it."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.release.model.spec import RELEASE
from infra.services.__main__ import app
from local.tests.cloud.conftest import REGION, ROOT, Cloud, Functions, start_cloud, stop_cloud, until
from local.tests.cloud.enforced import Account, allow, document

FUNCTION = "strata-dev-fulfilment"
# Fails what has the attribute `bad`: it reports the record, or with `bad` = "raise" it raises.
FAILS = """
def handler(event, context):
    bad = [r for r in event["Records"] if "bad" in r["dynamodb"]["NewImage"]]
    if any(r["dynamodb"]["NewImage"]["bad"] == {"S": "raise"} for r in bad):
        raise RuntimeError("no such column")
    return {"batchItemFailures": [{"itemIdentifier": r["dynamodb"]["SequenceNumber"]} for r in bad]}
"""
REPAIRED = """
import json

def handler(event, context):
    print("SEEN " + json.dumps(event))
    return {"batchItemFailures": []}
"""


@dataclass
class Shop:
    """A stack `dev` with the service fulfilment, whose alias is live and whose dead letters are in their queue."""

    own: Account
    path: Path
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.functions = Functions(self.own.admin, self.own.account)
        self.dynamodb, self.sqs = self.own.admin("dynamodb"), self.own.admin("sqs")
        self.dead = self.sqs.create_queue(QueueName=f"{FUNCTION}-dead")["QueueUrl"]
        self.dead_arn = self.own.arn("sqs", f"{FUNCTION}-dead")
        self.stream = self.dynamodb.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )["TableDescription"]["LatestStreamArn"]
        self.functions.role()
        calls = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]
        rights = document(
            allow([f"dynamodb:{each}" for each in calls]), allow("sqs:SendMessage", self.dead_arn), allow("logs:*")
        )
        self.own.admin("iam").put_role_policy(RoleName="execution", PolicyName="calls", PolicyDocument=rights)
        self.alias = ""

    def function(self, source: str) -> None:
        """Make this the version that is live."""
        if self.alias:
            self.functions.alias(self.functions.publish(source, FUNCTION), name=FUNCTION)
        else:
            self.alias = self.functions.alias(self.functions.create(source, FUNCTION), name=FUNCTION)

    def give_up(self, *records: tuple[str, str], filtered: bool = True) -> None:
        """Put an item for each id and `bad`, in one batch that Lambda gives up at once."""
        for order, bad in records:
            self.dynamodb.put_item(
                TableName="orders", Item={"id": {"S": order}, **({"bad": {"S": bad}} if bad else {})}
            )
        pattern = json.dumps({"dynamodb": {"NewImage": {"id": {"S": [{"prefix": "ord_"}]}}}})
        made = self.functions.client.create_event_source_mapping(
            EventSourceArn=self.stream,
            FunctionName=self.alias,
            StartingPosition="TRIM_HORIZON",
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": self.dead_arn}},
            FilterCriteria={"Filters": [{"Pattern": pattern}] if filtered else []},
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        assert until(lambda: self.count() == 1)
        get = self.functions.client.get_event_source_mapping
        assert until(lambda: get(UUID=made["UUID"])["State"] == "Enabled")
        self.functions.client.delete_event_source_mapping(UUID=made["UUID"])

    def count(self, queue: str = "") -> int:
        found = self.sqs.get_queue_attributes(
            QueueUrl=queue or self.dead, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def seen(self) -> list[dict[str, Any]]:
        """Return the events that the repaired version got."""
        logs = self.own.admin("logs")
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{FUNCTION}", filterPattern="SEEN")["events"]
            return [json.loads(event["message"].partition("SEEN ")[2]) for event in found]
        return []

    def redrive(self, *options: str) -> Result:
        """Type the command, as a role with the rights of the page."""
        rights = [
            allow(actions, resource.replace("SERVICE", "fulfilment").replace("PROJECT-STACK", "strata-dev"))
            for resource, actions in granted(self.own.account, self.stream)
        ]
        client = self.own.session(*rights)
        signed = client("sts")._request_signer._credentials
        for name, value in {
            "AWS_ENDPOINT_URL": self.own.cloud.endpoint,
            "AWS_ACCESS_KEY_ID": signed.access_key,
            "AWS_SECRET_ACCESS_KEY": signed.secret_key,
            "AWS_SESSION_TOKEN": signed.token,
            "PATH": f"{self.path}:/usr/bin:/bin",
        }.items():
            self.monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, ["redrive", "--stack", "dev", "--service", "fulfilment", *options])


def granted(account: str, stream: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield resource and actions of each row of the page's table."""
    page = (ROOT / "docs/access.md").read_text()
    table = page.partition("| to give dead letters again, on |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        resource, actions = row.strip("| ").split(" | ")
        names = re.findall(r"`([^`]+)`", actions)
        service = names[0].partition(":")[0]
        (named,) = re.findall(r"`([^`]+)`", resource) or [""]
        whole = f"function:{named}" if service == "lambda" else named
        yield (stream if service == "dynamodb" else f"arn:aws:{service}:{REGION}:{account}:{whole}"), names


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    process, running = start_cloud(tmp_path_factory.mktemp("redrive"), "--enforce")
    yield running
    stop_cloud(process)


@pytest.fixture
def shop(cloud: Cloud, account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    targets = [{"function": f"strata-dev-{service}"} for service in ("orders", "more-fulfilment", "fulfilment")]
    inputs = {"region": REGION, "targets": targets, "policy": {}}
    state = {"deployment": {"resources": [{"type": RELEASE, "inputs": inputs}]}}
    (tmp_path / "pulumi").write_text(f"#!/bin/sh\ncat <<'EOF'\n{json.dumps(state)}\nEOF\n")
    (tmp_path / "pulumi").chmod(0o755)
    return Shop(Account(cloud, account), tmp_path, monkeypatch)


def test_the_records_of_a_batch_that_lambda_gave_up_are_read_from_the_stream_and_given_again(shop: Shop) -> None:
    shop.function(FAILS)
    shop.give_up(("ord_1", "raise"), ("claim_1", ""), ("ord_2", ""))
    shop.function(REPAIRED)
    ran = shop.redrive()
    assert (ran.exit_code, shop.count()) == (0, 0), ran.output
    assert "1 given again" in ran.output
    assert "id ord_1, id ord_2" in ran.output
    (event,) = shop.seen()
    assert event["redrive"] is True
    assert [record["dynamodb"]["NewImage"]["id"] for record in event["Records"]] == [{"S": "ord_1"}, {"S": "ord_2"}]
    (first, _) = event["Records"]
    assert (first["eventSourceARN"], first["eventName"]) == (shop.stream, "INSERT")
    assert isinstance(first["dynamodb"]["ApproximateCreationDateTime"], int)


@pytest.mark.parametrize(("bad", "reason"), [("raise", "no such column"), ("yes", "it reports 1 of 1 as failed")])
def test_what_fails_again_is_kept_and_can_be_read_at_once(shop: Shop, bad: str, reason: str) -> None:
    shop.function(FAILS)
    shop.give_up(("ord_1", bad))
    ran = shop.redrive()
    assert (ran.exit_code, shop.count()) == (1, 1), ran.output
    assert "1 kept" in ran.output
    assert reason in ran.output


def test_an_event_that_the_function_sent_itself_is_given_again_as_it_is(shop: Shop) -> None:
    shop.function(REPAIRED)
    record = {"dynamodb": {"Keys": {"id": {"S": "ord_1"}}, "SequenceNumber": "1"}}
    shop.sqs.send_message(QueueUrl=shop.dead, MessageBody=json.dumps({"Records": [record]}))
    ran = shop.redrive("--json")
    assert (ran.exit_code, shop.count()) == (0, 0), ran.output
    assert json.loads(ran.output)["done"] == 1
    assert shop.seen() == [{"Records": [record], "redrive": True}]


def test_records_that_are_gone_are_named_and_their_message_is_kept(shop: Shop) -> None:
    shop.function(REPAIRED)
    position = {
        "shardId": "shardId-00000000000000000000-00000000",
        "startSequenceNumber": "100000000000000000001",
        "endSequenceNumber": "100000000000000000009",
        "streamArn": shop.stream,
    }
    shop.sqs.send_message(QueueUrl=shop.dead, MessageBody=json.dumps({"DDBStreamBatchInfo": position}))
    ran = shop.redrive()
    assert (ran.exit_code, shop.count()) == (1, 1), ran.output
    assert "records 100000000000000000001 to 100000000000000000009" in ran.output
    assert "the stream keeps records for a day" in ran.output


def test_a_message_goes_back_to_the_queue_that_it_came_from_with_its_attributes(shop: Shop) -> None:
    shop.function(REPAIRED)
    policy = json.dumps({"deadLetterTargetArn": shop.dead_arn, "maxReceiveCount": 1})
    jobs = shop.sqs.create_queue(QueueName=FUNCTION, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})[
        "QueueUrl"
    ]
    kind = {"kind": {"DataType": "String", "StringValue": "parcel"}}
    shop.sqs.send_message(QueueUrl=jobs, MessageBody="7", MessageAttributes=kind)
    receive: Callable[[], Any] = lambda: shop.sqs.receive_message(  # noqa: E731
        QueueUrl=jobs, MessageAttributeNames=["All"]
    ).get("Messages")
    assert receive()
    assert not receive()
    assert shop.count() == 1
    ran = shop.redrive()
    assert (ran.exit_code, shop.count()) == (0, 0), ran.output
    (message,) = receive()
    assert (message["Body"], message["MessageAttributes"]) == ("7", kind)


def test_a_dry_run_shows_the_dead_letters_and_changes_nothing(shop: Shop) -> None:
    shop.function(FAILS)
    shop.give_up(("ord_1", "raise"))
    shop.function(REPAIRED)
    for _ in range(2):
        ran = shop.redrive("--dry-run")
        assert (ran.exit_code, shop.count()) == (0, 1), ran.output
        assert "1 to give again" in ran.output
        assert "id ord_1" in ran.output
    assert shop.seen() == []


def test_what_is_no_dead_letter_of_these_is_kept(shop: Shop) -> None:
    shop.function(REPAIRED)
    shop.sqs.send_message(QueueUrl=shop.dead, MessageBody="hello")
    ran = shop.redrive()
    assert (ran.exit_code, shop.count()) == (1, 1), ran.output
    assert "neither an event, nor a batch of a stream, nor a message of a queue" in ran.output


def test_an_empty_queue_is_no_problem(shop: Shop) -> None:
    ran = shop.redrive()
    assert (ran.exit_code, ran.output) == (0, "fulfilment in stack dev: no dead letters\n")


@pytest.mark.parametrize(
    ("service", "said"), [("orders", "'orders' is no service with a queue"), ("nothing", "give one of fulfilment")]
)
def test_a_service_without_dead_letters_is_wrong_usage(service: str, said: str) -> None:
    ran = CliRunner().invoke(app, ["redrive", "--stack", "dev", "--service", service])
    assert ran.exit_code == 2
    assert said in ran.output
