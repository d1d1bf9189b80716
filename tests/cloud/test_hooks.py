"""The stack's own hooks on the local cloud: CodeDeploy calls them, they judge the real service, and leave no trace."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from infra import bundle
from infra.bundle import Bundle
from infra.release.aws import log_errors
from local.tests.cloud.codedeploy import ALL_AT_ONCE, EVERY, STYLE, appspec, refused, trust
from local.tests.cloud.conftest import ROOT, Cloud, Functions, start_cloud, stop_cloud, until
from tests.cloud.test_orders_lambda import Deployed, customer, environment, front

ACCOUNT = "480000000043"
SMOKE, BAKE = "CodeDeployHook_shop-smoke", "CodeDeployHook_shop-bake"
BEFORE, AFTER = "BeforeAllowTraffic", "AfterAllowTraffic"
ENDED = {"Succeeded", "Failed", "Stopped"}
LONG_GONE = {"customer_id": {"S": "c-1"}, "id": {"S": f"ord_{'0' * 32}"}}


class Shop:
    """The orders service: version 1 is live, 2 is as good, 3 has lost its table; all shifts at once."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.lambda_, self.codedeploy = self.client("lambda"), self.client("codedeploy")
        self.functions = Functions(self.client, ACCOUNT)
        self.hooks = bundle.hooks(["orders"], ROOT)
        self._table()
        self._function(bundle.build("orders", ROOT))
        self.hook(SMOKE, self.hooks["smoke"], SERVICES=json.dumps({"orders": "orders"}))
        role = self.client("iam").create_role(
            RoleName="codedeploy", AssumeRolePolicyDocument=trust("codedeploy.amazonaws.com")
        )
        self.codedeploy.create_application(applicationName="shop", computePlatform="Lambda")
        self.role = role["Role"]["Arn"]

    def client(self, service: str) -> Any:
        return self.cloud.client(service, ACCOUNT)

    def _table(self) -> None:
        self.client("dynamodb").create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client("dynamodb").put_item(TableName="orders", Item=LONG_GONE)

    def _function(self, code: Bundle) -> None:
        self.lambda_.create_function(
            FunctionName="orders",
            Runtime="python3.11",
            Role=self.functions.role(),
            Handler=code.handler,
            Code={"ZipFile": code.path.read_bytes()},
            Timeout=10,
            Environment={"Variables": environment("orders")},
        )
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
        for description, table in (("one", "orders"), ("two", "orders"), ("three", "no-such-table")):
            self.lambda_.update_function_configuration(
                FunctionName="orders", Description=description, Environment={"Variables": environment(table)}
            )
            self.lambda_.get_waiter("function_updated_v2").wait(FunctionName="orders", WaiterConfig={"Delay": 1})
            self.lambda_.publish_version(FunctionName="orders")
        self.lambda_.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")

    def hook(self, name: str, code: Bundle, timeout: int = 180, **variables: str) -> str:
        """Return a hook as the layer declares it, log group included."""
        self.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=self.functions.role(),
            Handler=code.handler,
            Code={"ZipFile": code.path.read_bytes()},
            Timeout=timeout,
            Environment={"Variables": variables},
        )
        self.functions._wait(name)
        return name

    def start(self, target: str, hooks: dict[str, str], **more: Any) -> str:
        """Put the alias on version 1 and deploy; return the deployment's id.

        Its group is a new one: a rollback leads to the last good revision of the group, and here there is none.
        """
        self.lambda_.update_alias(FunctionName="orders", Name="live", FunctionVersion="1", RoutingConfig={})
        group = f"orders-{uuid.uuid4().hex}"
        self.codedeploy.create_deployment_group(
            applicationName="shop",
            deploymentGroupName=group,
            deploymentConfigName=ALL_AT_ONCE,
            serviceRoleArn=self.role,
            deploymentStyle=STYLE,
            autoRollbackConfiguration={"enabled": True, "events": EVERY},
        )
        made = self.codedeploy.create_deployment(
            applicationName="shop", deploymentGroupName=group, revision=appspec("1", target, hooks), **more
        )
        return str(made["deploymentId"])

    def ended(self, deployment: str, seconds: float = 300) -> dict[str, Any]:
        """Wait until it and its rollback have ended; return GetDeployment's answer."""

        def info(of: str) -> dict[str, Any]:
            return dict(self.codedeploy.get_deployment(deploymentId=of)["deploymentInfo"])

        assert until(lambda: info(deployment)["status"] in ENDED, seconds), info(deployment)
        found = info(deployment)
        if back := found["rollbackInfo"].get("rollbackDeploymentId"):
            assert until(lambda: info(back)["status"] in ENDED, seconds), info(back)
        return found

    def alias(self) -> str:
        return str(self.lambda_.get_alias(FunctionName="orders", Name="live")["FunctionVersion"])

    def table(self) -> list[dict[str, Any]]:
        return list(self.client("dynamodb").scan(TableName="orders", ConsistentRead=True)["Items"])

    def log(self, name: str, pattern: str) -> list[str]:
        """Messages of a function's log that the filter lets through, as the release reads them."""
        found = self.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern=pattern)
        return [event["message"] for event in found["events"]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """On a cloud in which a minute takes half a second."""
    process, running = start_cloud(tmp_path_factory.mktemp("hooks"), factor=120)
    yield Shop(running)
    stop_cloud(process)


def test_a_version_that_answers_its_smoke_events_gets_traffic_and_the_table_is_as_it_was(shop: Shop) -> None:
    before = shop.table()
    deployment = shop.start("2", {BEFORE: SMOKE})
    assert shop.ended(deployment)["status"] == "Succeeded"
    assert shop.alias() == "2"
    assert shop.table() == before == [LONG_GONE]
    assert until(lambda: shop.log(SMOKE, f'"deployment {deployment}: Succeeded"'))


def test_the_same_version_is_smoked_again_by_another_deployment(shop: Shop) -> None:
    assert [shop.ended(shop.start("2", {BEFORE: SMOKE}))["status"] for _ in range(2)] == ["Succeeded"] * 2
    assert shop.table() == [LONG_GONE]


def test_smoke_orders_are_placed_by_the_version_and_not_counted(shop: Shop) -> None:
    shop.ended(shop.start("2", {BEFORE: SMOKE}))
    assert shop.log("orders", "OrdersCreated") == []


def test_a_version_that_fails_a_smoke_event_never_has_traffic_and_the_log_says_why(shop: Shop) -> None:
    deployment = shop.start("3", {BEFORE: SMOKE})
    failed = shop.ended(deployment)
    assert (failed["status"], failed["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert shop.alias() == "1"
    assert until(lambda: shop.log(SMOKE, '"version 3"'))
    lines = {log_errors.last_line(message) for message in shop.log(SMOKE, "ERROR")}
    (created,) = [line for line in lines if line and "create-order.json" in line]
    assert created.startswith("smoke: version 3 of orders: create-order.json: POST /orders raised ")
    assert created.endswith(", expected 201")
    assert any("read-order-that-is-gone.json: GET /orders/{id} raised" in str(line) for line in lines)
    assert not any("health.json" in str(line) for line in lines)
    weights = shop.codedeploy.get_deployment_target(deploymentId=deployment, targetId="orders:live")
    assert weights["deploymentTarget"]["lambdaTarget"]["lambdaFunctionInfo"]["targetVersionWeight"] == 0


def test_a_bake_holds_the_deployment_open_for_its_minutes(shop: Shop) -> None:
    hooks = {AFTER: shop.hook(f"{BAKE}-14", shop.hooks["bake"], 900, BAKE_MINUTES="14")}
    info = shop.ended(shop.start("2", hooks))
    assert info["status"] == "Succeeded"
    assert (info["completeTime"] - info["startTime"]).total_seconds() >= 14 * shop.cloud.minute
    assert shop.alias() == "2"


def test_an_alarm_takes_a_version_back_while_it_bakes_and_the_late_answer_is_no_error(shop: Shop) -> None:
    cloudwatch = shop.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="Tests",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    name = shop.hook(f"{BAKE}-12", shop.hooks["bake"], 900, BAKE_MINUTES="12")
    override = {"enabled": True, "alarms": [{"name": "errors"}]}
    deployment = shop.start("2", {AFTER: name}, overrideAlarmConfiguration=override)
    assert until(lambda: shop.alias() == "2")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="by hand")
    stopped = shop.ended(deployment)
    assert (stopped["status"], stopped["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert shop.alias() == "1"
    assert until(lambda: shop.log(name, '"no longer waits for an answer"'), seconds=300)
    assert shop.log(name, "ERROR") == []


def test_a_hook_that_has_no_time_left_answers_before_lambda_ends_it(shop: Shop) -> None:
    name = shop.hook(f"{BAKE}-short", shop.hooks["bake"], 16, BAKE_MINUTES="840")
    failed = shop.ended(shop.start("2", {AFTER: name}))
    assert (failed["status"], failed["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert until(lambda: shop.log(name, "NoTimeLeftError"))
    assert shop.log(name, '"Task timed out"') == []
    assert shop.alias() == "1"


def test_a_hook_that_codedeploy_did_not_invoke_does_not_answer(shop: Shop) -> None:
    answer = shop.lambda_.invoke(FunctionName=SMOKE, Payload=json.dumps({"Records": []}))
    assert "CodeDeploy sends DeploymentId" in json.loads(answer["Payload"].read())["errorMessage"]


def test_a_deployment_that_does_not_exist_cannot_be_answered(shop: Shop) -> None:
    event = {"DeploymentId": "d-NOSUCH123", "LifecycleEventHookExecutionId": "x"}
    answer = shop.lambda_.invoke(FunctionName=SMOKE, Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read())["errorType"] == "DeploymentDoesNotExistException"
    code, _ = refused(shop.codedeploy.get_deployment, deploymentId="d-NOSUCH123")
    assert code == "DeploymentDoesNotExistException"


def test_no_client_of_the_api_can_place_a_smoke_order(shop: Shop) -> None:
    arn = shop.lambda_.update_alias(FunctionName="orders", Name="live", FunctionVersion="1")["AliasArn"]
    shop.lambda_.add_permission(
        FunctionName="orders",
        Qualifier="live",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    host = front(shop.client("apigatewayv2"), arn)
    api = Deployed(shop.cloud, host)
    marked = {**customer(), "smoke": True}
    assert api.request("POST", "/orders", marked, key=str(uuid.uuid4())).status == 400
    assert api.request("POST", "/orders", customer(), key="smoke create-order").status == 400
    made = api.request("POST", "/orders?smoke=true", customer(), key="create-order")
    shop.ended(shop.start("2", {BEFORE: SMOKE}))
    assert made.status == 201
    assert api.request("GET", f"/orders/{made.body['id']}").text == made.text
    assert until(lambda: shop.log("orders", "OrdersCreated"))
