"""The bundled service fulfilment, under Node, on a real table's calls: each order is fulfilled once."""

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra import bundle
from local.tests.cloud.conftest import REGION, ROOT, Cloud

ACCOUNT = "480000000043"
# Runs events through the bundled handler, one after the other; prints its answers, or the errors that it raised.
PROGRAM = """
const [module, events] = process.argv.slice(1);
const { handler } = await import(module);
const context = { functionName: "fulfilment", functionVersion: "7", awsRequestId: "r" };
const said = [];
for (const event of JSON.parse(events))
  said.push(await handler(event, context).catch((error) => ({ error: error.name })));
process.stderr.write(JSON.stringify(said) + "\\n");
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(bundle.build("fulfilment", ROOT, runtime="node").path) as archive:
        archive.extractall(folder)
    return folder / "main.mjs"


@pytest.fixture(scope="module")
def table(cloud: Cloud) -> Any:
    dynamodb = cloud.client("dynamodb", ACCOUNT)
    dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


@pytest.fixture(scope="module")
def dead(cloud: Cloud) -> str:
    """Return the URL of the queue of dead letters."""
    return str(cloud.client("sqs", ACCOUNT).create_queue(QueueName="dead")["QueueUrl"])


def start(cloud: Cloud, module: Path, *events: dict[str, Any], table: str = "orders") -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "NODE_NO_WARNINGS": "1",
        "TABLE_NAME": table,
        "DEAD_LETTERS_URL": f"{cloud.endpoint}/{ACCOUNT}/dead",
        "POWERTOOLS_SERVICE_NAME": "fulfilment",
        "POWERTOOLS_METRICS_NAMESPACE": "Strata",
    }
    command = ["node", "--input-type=module", "--eval", PROGRAM, str(module), json.dumps(events)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(run: subprocess.Popen[str]) -> tuple[list[dict[str, Any]], int]:
    """Return the handler's answers, and how many orders it counted as fulfilled."""
    out, said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return json.loads(said.splitlines()[-1]), sum(line.get("OrdersFulfilled", 0) for line in lines)


def smoke(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "app/fulfilment/smoke" / name).read_text())
    return found


def batch(*orders: str) -> dict[str, Any]:
    (record, *_) = smoke("fulfil-once.json")["event"]["Records"]
    text = json.dumps(record)
    return {"Records": [json.loads(text.replace("ord_50000000000000000000000000000001", each)) for each in orders]}


def test_two_versions_that_get_the_same_orders_at_once_fulfil_each_once(cloud: Cloud, module: Path, table: Any) -> None:
    orders = [f"ord_{number:032x}" for number in range(20)]
    runs = [start(cloud, module, batch(*orders[:10]), batch(*orders[10:]), batch(*orders[:10])) for _ in range(2)]
    answers, counts = zip(*(ended(run) for run in runs), strict=True)
    assert answers == ([{"batchItemFailures": []}] * 3,) * 2
    assert sum(counts) == 20
    for order in orders:
        item = table.get_item(TableName="orders", Key={"id": {"S": f"fulfilment#{order}"}})["Item"]
        assert (item["order_id"], item["pieces"]) == ({"S": order}, {"N": "2"})
        assert item["fulfilled_at"]["S"].endswith("+00:00")


@pytest.mark.parametrize("name", sorted(file.name for file in (ROOT / "app/fulfilment/smoke").glob("*.json")))
def test_each_smoke_event_is_answered_as_its_file_expects_and_leaves_no_trace(
    cloud: Cloud, module: Path, table: Any, name: str
) -> None:
    event = {**smoke(name)["event"], "smoke": True}
    ((answer,), counted) = ended(start(cloud, module, event))
    assert answer == smoke(name)["expect"]["returns"]
    assert counted == 0
    for record in event["Records"]:
        key = {"id": {"S": f"fulfilment#{record['dynamodb']['Keys']['id']['S']}"}}
        assert "Item" not in table.get_item(TableName="orders", Key=key)


def test_a_table_that_is_not_there_is_raised(cloud: Cloud, module: Path, table: Any) -> None:
    ((answer,), counted) = ended(start(cloud, module, batch("ord_" + "f" * 32), table="gone"))
    assert (answer, counted) == ({"error": "ResourceNotFoundException"}, 0)


def test_an_order_that_cannot_be_read_is_a_dead_letter_and_the_event_that_tries_it_again(
    cloud: Cloud, module: Path, table: Any, dead: str
) -> None:
    event = smoke("leave-unreadable-order.json")["event"]
    (answers, _) = ended(start(cloud, module, event, {**event, "redrive": True}))
    assert answers == [{"batchItemFailures": []}, smoke("leave-unreadable-order.json")["expect"]["returns"]]
    (message,) = cloud.client("sqs", ACCOUNT).receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {"Records": event["Records"][1:]}
