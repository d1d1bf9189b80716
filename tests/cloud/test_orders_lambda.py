"""The orders service as Lambda runs it: the real bundle behind an alias and an HTTP API, on a real table's calls."""

import http.client
import json
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra import bundle, permissions
from local.tests.cloud.conftest import ROOT, Cloud, Functions
from tests.unit.orders_kit import AN_ORDER

ACCOUNT = "480000000042"
LOG_GROUP = f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/aws/lambda/orders"


@dataclass(frozen=True)
class Answer:
    status: int
    version: str | None
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Deployed:
    """The service with two published versions, 1 and 2, of the same code; `live` is 1."""

    cloud: Cloud
    host: str

    def client(self, service: str) -> Any:
        return self.cloud.client(service, ACCOUNT)

    def request(self, method: str, path: str, body: Any = None, key: str | None = None, times: int = 1) -> Answer:
        """`times`: how often the header with the key is sent."""
        content = "" if body is None else json.dumps(body)
        to = urlsplit(self.cloud.endpoint)
        connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=300)
        try:
            connection.putrequest(method, path, skip_host=True)
            headers = {"Host": self.host, "Content-Type": "application/json", "Content-Length": str(len(content))}
            for name, value in headers.items():
                connection.putheader(name, value)
            for _ in range(times if key else 0):
                connection.putheader("Idempotency-Key", str(key))
            connection.endheaders(content.encode())
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers["X-Served-Version"], answer.read().decode())
        finally:
            connection.close()

    def probe(self, qualifier: str) -> dict[str, Any]:
        """Return the function's answer to the probe of a first version, which is GET /health."""
        probe = json.loads((ROOT / "app/orders/smoke/health.json").read_text())["event"]
        answer = self.client("lambda").invoke(FunctionName="orders", Qualifier=qualifier, Payload=json.dumps(probe))
        assert "FunctionError" not in answer
        return dict(json.loads(answer["Payload"].read()))

    def live(self, version: str) -> None:
        self.client("lambda").update_alias(FunctionName="orders", Name="live", FunctionVersion=version)

    def orders_of(self, customer: str) -> list[dict[str, Any]]:
        items = self.client("dynamodb").scan(TableName="orders", ConsistentRead=True)["Items"]
        return [item for item in items if item.get("customer_id") == {"S": customer}]


@pytest.fixture(scope="module")
def deployed(cloud: Cloud) -> Deployed:
    def client(service: str) -> Any:
        return cloud.client(service, ACCOUNT)

    table = client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = Functions(client, ACCOUNT).role()
    policy = permissions.document(
        permissions.execution(
            permissions.Uses(LOG_GROUP, table["TableDescription"]["TableArn"], reads_table=True, writes_table=True)
        )
    )
    client("iam").put_role_policy(RoleName="execution", PolicyName="orders", PolicyDocument=policy)
    code = bundle.build("orders", ROOT)
    functions = client("lambda")
    functions.create_function(
        FunctionName="orders",
        Runtime="python3.11",
        Role=role,
        Handler=code.handler,
        Code={"ZipFile": code.path.read_bytes()},
        Timeout=10,
        MemorySize=256,
        Environment={"Variables": environment("orders")},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
    for description in ("one", "two"):
        functions.update_function_configuration(FunctionName="orders", Description=description)
        functions.get_waiter("function_updated_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
        functions.publish_version(FunctionName="orders")
    alias = functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    functions.add_permission(
        FunctionName="orders",
        Qualifier="live",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    return Deployed(cloud, front(client("apigatewayv2"), alias["AliasArn"]))


def environment(table: str) -> dict[str, str]:
    return {"TABLE_NAME": table, "POWERTOOLS_SERVICE_NAME": "orders", "POWERTOOLS_METRICS_NAMESPACE": "Strata"}


def front(gateway: Any, alias: str) -> str:
    """Return the host name of an HTTP API that hands every request to the alias."""
    api = gateway.create_api(Name="orders", ProtocolType="HTTP")
    integration = gateway.create_integration(
        ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=alias, PayloadFormatVersion="2.0"
    )
    gateway.create_route(ApiId=api["ApiId"], RouteKey="$default", Target=f"integrations/{integration['IntegrationId']}")
    gateway.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    return str(urlsplit(api["ApiEndpoint"]).netloc)


def customer() -> dict[str, Any]:
    """Return an order of a customer of its own."""
    return {**AN_ORDER, "customer_id": f"c-{uuid.uuid4().hex}"}


def test_an_order_made_over_http_is_read_back_as_it_was_answered(deployed: Deployed) -> None:
    made = deployed.request("POST", "/orders", customer(), key=str(uuid.uuid4()))
    assert (made.status, made.version) == (201, "1")
    read = deployed.request("GET", f"/orders/{made.body['id']}")
    assert (read.status, read.version, read.text) == (200, "1", made.text)


def test_refusals_over_http_say_why_and_carry_the_version(deployed: Deployed) -> None:
    key = str(uuid.uuid4())
    assert deployed.request("POST", "/orders", customer(), key=key).status == 201
    answers = {
        400: deployed.request("POST", "/orders", {"items": []}, key=key),
        404: deployed.request("GET", "/orders/ord_" + "0" * 32),
        422: deployed.request("POST", "/orders", customer(), key=key),
    }
    assert {status: answer.status for status, answer in answers.items()} == {400: 400, 404: 404, 422: 422}
    assert {answer.version for answer in answers.values()} == {"1"}
    assert [error["field"] for error in answers[400].body["errors"]] == ["customer_id", "currency", "items"]
    assert deployed.request("POST", "/orders", customer()).status == 400  # no key


def test_a_key_that_is_sent_twice_is_refused_as_such(deployed: Deployed) -> None:
    answer = deployed.request("POST", "/orders", customer(), key=str(uuid.uuid4()), times=2)
    assert answer.status == 400
    assert "sent twice" in answer.body["errors"][0]["reason"]


def test_a_replay_is_answered_by_the_version_that_is_live_now(deployed: Deployed) -> None:
    key, order = str(uuid.uuid4()), customer()
    first = deployed.request("POST", "/orders", order, key=key)
    deployed.live("2")
    try:
        again = deployed.request("POST", "/orders", order, key=key)
    finally:
        deployed.live("1")
    assert (first.version, again.version) == ("1", "2")
    assert (again.status, again.text) == (201, first.text)
    assert len(deployed.orders_of(order["customer_id"])) == 1


def test_many_requests_with_one_key_at_once_make_one_order(deployed: Deployed) -> None:
    key, order = str(uuid.uuid4()), customer()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: deployed.request("POST", "/orders", order, key=key), range(24)))
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) <= {201, 409}
    assert len({answer.text for answer in answers if answer.status == 201}) == 1
    assert len(deployed.orders_of(order["customer_id"])) == 1


def test_the_probe_of_a_first_version_is_answered(deployed: Deployed) -> None:
    answer = deployed.probe("2")
    assert (answer["statusCode"], answer["headers"]["X-Served-Version"]) == (200, "2")


def test_a_table_out_of_reach_is_an_error_of_the_function_and_health_still_answers(deployed: Deployed) -> None:
    functions = deployed.client("lambda")
    functions.update_function_configuration(
        FunctionName="orders", Environment={"Variables": environment("no-such-table")}
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
    version = functions.publish_version(FunctionName="orders")["Version"]
    deployed.live(version)
    try:
        key = str(uuid.uuid4())
        posted = deployed.request("POST", "/orders", customer(), key=key)
        read = deployed.request("GET", "/orders/ord_" + "0" * 32)
        health = deployed.probe("live")
    finally:
        deployed.live("1")
    assert (posted.status, posted.version) == (500, None)
    assert (read.status, read.version) == (500, None)
    assert (health["statusCode"], health["headers"]["X-Served-Version"]) == (200, version)
    assert deployed.request("POST", "/orders", customer(), key=key).status == 201
