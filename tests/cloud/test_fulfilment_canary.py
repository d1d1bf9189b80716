"""A canary of fulfilment on a table's stream: batches come twice, orders cannot be read, workers are killed, the table
throttles. Each good order is fulfilled once, none is lost, and the dead letters are exactly the others.

The real bundle under Node, and a real deployment of the local cloud, whose policies are enforced.
"""

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra import bundle, permissions
from infra.services import reader
from local.tests.cloud.conftest import REGION, ROOT, Cloud, Functions, start_cloud, stop_cloud, until
from tests.cloud.test_canary_by_boto3 import TRUST

ACCOUNT = "480000000044"
ORDERS = 300
KILLS = 16
THROTTLED = 100  # calls; an order takes 101 attempts of two calls each, so these alone make no dead letter
MINUTES = 1440  # of the canary: a simulated day, which is longer than the test


def named(place: int) -> str:
    return f"ord_{place:032x}"


def is_poison(order: str) -> bool:
    """Return True for 2 % of the orders: they cannot be read."""
    return int(order.removeprefix("ord_"), 16) % 50 == 25


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


class Shop:
    """The function `fulfilment`, versions 1 and 2 of the same code, whose alias reads the stream of the table."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.table, self.sqs, self.lambda_ = self.client("dynamodb"), self.client("sqs"), self.client("lambda")
        self.codedeploy = self.client("codedeploy")
        made = self.table.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )["TableDescription"]
        self.stream = made["LatestStreamArn"]
        self.dead = self.sqs.create_queue(QueueName="fulfilment-dead")["QueueUrl"]
        self._functions(made["TableArn"])

    def client(self, service: str) -> Any:
        return self.cloud.client(service, ACCOUNT)

    def _functions(self, table: str) -> None:
        functions = Functions(self.client, ACCOUNT)
        uses = permissions.Uses(
            arn("logs", "log-group:/aws/lambda/fulfilment"),
            table,
            writes_table=True,
            stream=self.stream,
            dead_letters=arn("sqs", "fulfilment-dead"),
        )
        role, document = functions.role(), permissions.document(permissions.execution(uses))
        self.client("iam").put_role_policy(RoleName="execution", PolicyName="calls", PolicyDocument=document)
        variables = {
            "TABLE_NAME": "orders",
            "DEAD_LETTERS_URL": self.dead,
            "POWERTOOLS_SERVICE_NAME": "fulfilment",
            "POWERTOOLS_METRICS_NAMESPACE": "Strata",
        }
        code = bundle.build("fulfilment", ROOT, runtime="node").path.read_bytes()
        settings = {"Runtime": "nodejs22.x", "Handler": "main.handler", "Timeout": 60, "MemorySize": 256}
        functions.create(code, "fulfilment", Role=role, Environment={"Variables": variables}, **settings)
        functions.reconfigure("fulfilment", Description="two")
        assert self.lambda_.publish_version(FunctionName="fulfilment")["Version"] == "2"
        self.alias = functions.alias("1", name="fulfilment")

    def begin_canary(self) -> str:
        """Deploy version 2 to half of the batches; return the deployment."""
        role = self.client("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        policy = permissions.document(permissions.deployments([arn("lambda", "function:fulfilment")]))
        self.client("iam").put_role_policy(RoleName="deployer", PolicyName="calls", PolicyDocument=policy)
        canary = {"canaryPercentage": 50, "canaryInterval": MINUTES}
        self.codedeploy.create_deployment_config(
            deploymentConfigName="half",
            computePlatform="Lambda",
            trafficRoutingConfig={"type": "TimeBasedCanary", "timeBasedCanary": canary},
        )
        self.codedeploy.create_application(applicationName="shop", computePlatform="Lambda")
        self.codedeploy.create_deployment_group(
            applicationName="shop",
            deploymentGroupName="fulfilment",
            deploymentConfigName="half",
            serviceRoleArn=role["Arn"],
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        )
        properties = {"Name": "fulfilment", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
        resource = {"fulfilment": {"Type": "AWS::Lambda::Function", "Properties": properties}}
        content = json.dumps({"version": 0.0, "Resources": [resource]})
        return str(
            self.codedeploy.create_deployment(
                applicationName="shop",
                deploymentGroupName="fulfilment",
                revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
            )["deploymentId"]
        )

    def status(self, deployment: str) -> str:
        return str(self.codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"])

    def split(self) -> bool:
        found = self.lambda_.get_alias(FunctionName="fulfilment", Name="live")
        return bool(found.get("RoutingConfig") == {"AdditionalVersionWeights": {"2": 0.5}})

    def read_stream(self) -> None:
        """Let the stream call the alias, as the service's declaration has it."""
        (declared,) = [each for each in reader.read(ROOT) if each.name == "fulfilment"]
        assert declared.stream is not None
        made = self.lambda_.create_event_source_mapping(
            EventSourceArn=self.stream,
            FunctionName=self.alias,
            StartingPosition="TRIM_HORIZON",
            BatchSize=declared.stream.batch,
            MaximumRetryAttempts=declared.stream.attempts,
            BisectBatchOnFunctionError=declared.stream.bisect,
            DestinationConfig={"OnFailure": {"Destination": arn("sqs", "fulfilment-dead")}},
            FilterCriteria={"Filters": [{"Pattern": json.dumps(declared.stream.filter)}]},
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        assert until(lambda: self.lambda_.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled")

    def order(self, order: str) -> None:
        line = {"M": {"sku": {"S": "MUG-WHITE"}, "quantity": {"N": "2"}}}
        items = {} if is_poison(order) else {"items": {"L": [line]}}
        self.table.put_item(TableName="orders", Item={"id": {"S": order}, **items})

    def is_fulfilled(self, order: str) -> bool:
        key = {"id": {"S": f"fulfilment#{order}"}}
        return bool(self.table.get_item(TableName="orders", Key=key, ConsistentRead=True).get("Item"))

    def fulfilments(self) -> Counter[tuple[str, str]]:
        """Return what the stream says of fulfilments: name of the change and order."""
        streams = self.client("dynamodbstreams")
        (shard,) = streams.describe_stream(StreamArn=self.stream)["StreamDescription"]["Shards"]
        iterator = streams.get_shard_iterator(
            StreamArn=self.stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: Counter[tuple[str, str]] = Counter()
        while page := (answer := streams.get_records(ShardIterator=iterator))["Records"]:
            for record in page:
                kind, _, order = record["dynamodb"]["Keys"]["id"]["S"].partition("#")
                if kind == "fulfilment":
                    found[record["eventName"], order] += 1
            iterator = answer["NextShardIterator"]
        return found

    def dead_letters(self) -> Counter[str]:
        """Return and delete the dead letters: how often each order is there."""
        found: Counter[str] = Counter()
        while page := self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10).get("Messages"):
            for message in page:
                (record,) = json.loads(message["Body"])["Records"]
                found[record["dynamodb"]["NewImage"]["id"]["S"]] += 1
                self.sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=message["ReceiptHandle"])
        return found

    def lines(self) -> list[str]:
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/fulfilment")
        return [event["message"] for page in pages for event in page["events"]]


def workers(cloud: Cloud) -> list[int]:
    """Return the process ids of the cloud's workers, which are its children that run Node."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(cloud.pid) and b"node" in (folder / "cmdline").read_bytes().split(b"\0")[0]:
                found.append(int(folder.name))
    return found


@contextmanager
def killing(cloud: Cloud, times: int) -> Iterator[Callable[[], bool]]:
    """Kill workers meanwhile, each soon after it began: a worker begins with an invocation. Gives what says that as
    many as wanted were killed."""
    chance, over, killed = random.Random(16), threading.Event(), set[int]()  # noqa: S311 - which to kill, no secret

    def kill() -> None:
        while not over.wait(0.01) and len(killed) < times:
            for worker in [each for each in workers(cloud) if each not in killed][:1]:
                over.wait(chance.choice((0, 0.5, 1, 2)))  # while it begins, in its first batch, or later
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                killed.add(worker)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield lambda: len(killed) >= times
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    process, running = start_cloud(tmp_path_factory.mktemp("stream"), "--enforce")
    yield Shop(running)
    stop_cloud(process)


def test_each_order_is_fulfilled_once_and_the_dead_letters_are_those_that_cannot_be_read(shop: Shop) -> None:
    cloud, orders = shop.cloud, [named(place) for place in range(ORDERS)]
    deployment = shop.begin_canary()
    assert until(shop.split)
    throttle = {"kind": "throttle", "service": "dynamodb", "action": "PutItem", "user_agent": "aws-sdk-js"}
    faults = [throttle | {"share": 0.5, "seed": 16, "times": THROTTLED}]
    assert cloud.control("POST", "faults", faults)[0] == 200
    assert cloud.control("POST", "settings", {"duplicates": 0.05})[0] == 200
    shop.read_stream()
    with killing(cloud, KILLS) as enough_killed:
        for order in orders:
            shop.order(order)
            time.sleep(0.01)  # so that there are many batches
        while not enough_killed():  # a fast machine is through before: go on until all is done that is to be survived
            orders.append(named(len(orders)))
            shop.order(orders[-1])
            time.sleep(0.05)
    last = named(50 * len(orders))
    shop.order(last)
    good = [each for each in [*orders, last] if not is_poison(each)]
    assert until(lambda: shop.is_fulfilled(last))  # the shard is in order: whatever came before it is done with

    assert (shop.status(deployment), shop.split()) == ("InProgress", True)
    assert cloud.control("GET", "faults")[1]["faults"][0]["fired"] == THROTTLED
    assert shop.fulfilments() == Counter(("INSERT", order) for order in good)
    assert shop.dead_letters().keys() == set(filter(is_poison, orders))

    lines = shop.lines()
    assert any("Runtime exited with error: signal: SIGKILL" in line for line in lines)
    assert any("ThroughputExceeded" in line for line in lines)
    said = [json.loads(line) for line in lines if line.startswith("{")]
    fulfilled = [each for each in said if each.get("message") == "orders fulfilled"]
    counted = Counter(order for each in fulfilled for order in each["order_ids"])
    assert {each["version"] for each in fulfilled} == {"1", "2"}
    assert counted.keys() <= set(good)
    assert max(counted.values()) == 1
    assert len(good) - len(counted) <= 10 * KILLS  # a worker that is killed may have written what it could not log
