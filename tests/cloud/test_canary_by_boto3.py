"""A canary by boto3 alone: promoted, and rolled back by an alarm on metric math. Nothing of infra/ is used.

Everything here would do the same on AWS; only there five minutes take five minutes.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.tests.cloud.conftest import Cloud, Functions, start_cloud, stop_cloud, until
from rehearsal.environment import pace

GOOD = "def handler(event, context):\n    return {'version': context.function_version}\n"
BAD = """
import itertools
calls = itertools.count()

def handler(event, context):
    if next(calls) % 2:
        raise RuntimeError("no such column")
    return {"version": context.function_version}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "codedeploy.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
CURVE = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
SECONDS = 300  # the canary's five minutes, which are the alarm's window
ROLLBACK = {
    "enabled": True,
    "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
}


class Shop:
    """A function `orders` behind the alias `live`, released by CodeDeploy."""

    def __init__(self, client: Callable[[str], Any], functions: Functions) -> None:
        self.functions = functions
        self.lambda_ = client("lambda")
        self.cloudwatch = client("cloudwatch")
        self.codedeploy = client("codedeploy")
        role = client("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        functions.create(GOOD)
        functions.alias("1")
        self.codedeploy.create_application(applicationName="shop", computePlatform="Lambda")
        self.codedeploy.create_deployment_group(
            applicationName="shop",
            deploymentGroupName="orders",
            deploymentConfigName=CURVE,
            serviceRoleArn=role["Arn"],
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            autoRollbackConfiguration=ROLLBACK,
        )

    def watch(self, stable: str, canary: str) -> str:
        """Return an alarm that compares the errors of the two versions: the canary's rate is significantly higher.

        i1, e1: invocations and errors of the stable version; i2, e2: of the canary. Without division, so that no zero
        can matter: a two-proportion test with z = 3.15, a correction of one error, and four errors at least.
        """

        def count(identifier: str, name: str, version: str) -> dict[str, Any]:
            dimensions = {"FunctionName": "orders", "Resource": "orders:live", "ExecutedVersion": version}
            metric = {
                "Namespace": "AWS/Lambda",
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            }
            stat = {"Metric": metric, "Period": SECONDS, "Stat": "Sum"}
            return {"Id": identifier, "MetricStat": stat, "ReturnData": False}

        def expression(identifier: str, text: str, *, watched: bool = False) -> dict[str, Any]:
            return {"Id": identifier, "Expression": text, "ReturnData": watched}

        name = f"orders-{stable}-{canary}"
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Metrics=[
                count("mi1", "Invocations", stable),
                count("me1", "Errors", stable),
                count("mi2", "Invocations", canary),
                count("me2", "Errors", canary),
                expression("i1", "FILL(mi1, 0)"),
                expression("e1", "FILL(me1, 0)"),
                expression("i2", "FILL(mi2, 0)"),
                expression("e2", "FILL(me2, 0)"),
                expression("n", "i1 + i2"),
                expression("e", "e1 + e2"),
                expression("d", "(e2 - 1) * i1 - e1 * i2"),
                expression("rel", "IF(d > 0 AND e2 >= 4 AND n * d^2 > 9.9225 * e * (n - e) * i1 * i2, 1, 0)"),
                expression("abs", "IF(e2 >= 4 AND e2 * i1 - e1 * i2 > 0.25 * i1 * i2, 1, 0)"),
                expression("fires", "IF(rel + abs > 0, 1, 0)", watched=True),
            ],
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=1,
            TreatMissingData="notBreaching",
        )
        return name

    def release(self, source: str) -> tuple[str, str]:
        """Publish and deploy; return the deployment's id and the new version."""
        stable = self.alias()["FunctionVersion"]
        canary = self.functions.publish(source)
        properties = {"Name": "orders", "Alias": "live", "CurrentVersion": stable, "TargetVersion": canary}
        appspec = {
            "version": 0.0,
            "Resources": [{"orders": {"Type": "AWS::Lambda::Function", "Properties": properties}}],
        }
        deployment = self.codedeploy.create_deployment(
            applicationName="shop",
            deploymentGroupName="orders",
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(appspec)}},
            overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": self.watch(stable, canary)}]},
            description=f"release of version {canary}",
        )
        return deployment["deploymentId"], canary

    def alias(self) -> dict[str, Any]:
        found = self.lambda_.get_alias(FunctionName="orders", Name="live")
        return {"FunctionVersion": found["FunctionVersion"], "RoutingConfig": found.get("RoutingConfig")}

    def ended(self, deployment: str, seconds: float = 300) -> dict[str, Any]:
        """Return the deployment's information once it has ended."""

        def over() -> dict[str, Any] | None:
            info: dict[str, Any] = self.codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
            return info if info["status"] in {"Succeeded", "Failed", "Stopped"} else None

        info = until(over, seconds)
        assert info, f"{deployment} did not end within {seconds} s"
        return dict(info)

    def target(self, deployment: str) -> dict[str, Any]:
        (identifier,) = self.codedeploy.list_deployment_targets(deploymentId=deployment)["targetIds"]
        found = self.codedeploy.get_deployment_target(deploymentId=deployment, targetId=identifier)
        return dict(found["deploymentTarget"]["lambdaTarget"])

    @contextmanager
    def traffic(self) -> Iterator[list[str]]:
        """Callers of the alias meanwhile; gives the list of versions that served, which grows."""
        served: list[str] = []
        over = threading.Event()

        def call() -> None:
            while not over.is_set():
                response = self.lambda_.invoke(FunctionName="orders", Qualifier="live", Payload=b"{}")
                served.append(response["ExecutedVersion"])
                time.sleep(0.005)

        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            yield served
        finally:
            over.set()
            for caller in callers:
                caller.join()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own, slower on a busy machine: a canary needs calls, and such a machine answers fewer."""
    factor = pace.at_first(60)[0]
    process, running = start_cloud(tmp_path_factory.mktemp("canary"), factor=factor)
    yield running
    stop_cloud(process)


@pytest.fixture
def shop(client: Callable[[str], Any], functions: Functions) -> Shop:
    return Shop(client, functions)


def test_a_good_version_gets_a_tenth_of_the_traffic_and_then_all(shop: Shop, cloud: Cloud) -> None:
    with shop.traffic() as served:
        deployment, version = shop.release(GOOD + "# the same, only newer\n")
        assert until(lambda: shop.alias()["RoutingConfig"])
        assert shop.alias() == {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {version: 0.1}}}
        assert shop.target(deployment)["lambdaFunctionInfo"]["targetVersionWeight"] == 0.1
        assert until(lambda: len(served) >= 150, seconds=4 * cloud.minute) or len(served) >= 50
        during = len(served)
        canary = served[:during].count(version) / during
        info = shop.ended(deployment)
    assert info["status"] == "Succeeded"
    assert 0.02 < canary < 0.2
    assert {"1", version} == set(served)
    assert shop.alias() == {"FunctionVersion": version, "RoutingConfig": None}
    took = (info["completeTime"] - info["startTime"]).total_seconds()
    assert 5 * cloud.minute <= took < 6 * cloud.minute
    assert (info["creator"], info["description"]) == ("user", f"release of version {version}")
    target = shop.target(deployment)
    assert {event["lifecycleEventName"]: event["status"] for event in target["lifecycleEvents"]} == {
        "BeforeAllowTraffic": "Succeeded",
        "AllowTraffic": "Succeeded",
        "AfterAllowTraffic": "Succeeded",
    }
    assert target["lambdaFunctionInfo"] == {
        "functionName": "orders",
        "functionAlias": "live",
        "currentVersion": "1",
        "targetVersion": version,
        "targetVersionWeight": 1.0,
    }


def test_a_bad_version_is_reverted_by_the_alarm_before_the_shift(shop: Shop, cloud: Cloud) -> None:
    with shop.traffic() as served:
        deployment, version = shop.release(BAD)
        stopped = shop.ended(deployment)
        back = shop.ended(stopped["rollbackInfo"]["rollbackDeploymentId"])
    assert stopped["status"] == "Stopped"
    assert stopped["errorInformation"]["code"] == "ALARM_ACTIVE"
    assert f"<orders-1-{version}>" in stopped["errorInformation"]["message"]
    assert (stopped["completeTime"] - stopped["startTime"]).total_seconds() < 5 * cloud.minute

    # Linked both ways, and explained in words.
    assert back["rollbackInfo"]["rollbackTriggeringDeploymentId"] == deployment
    assert stopped["rollbackInfo"]["rollbackDeploymentId"] == back["deploymentId"]
    assert "rollbackDeploymentId" not in back["rollbackInfo"]
    assert (back["status"], back["creator"]) == ("Succeeded", "codeDeployRollback")

    # The alias is whole, and the canary never had more than its tenth.
    assert shop.alias() == {"FunctionVersion": "1", "RoutingConfig": None}
    assert 0 < served.count(version) < 0.25 * len(served)
    events = {event["lifecycleEventName"]: event["status"] for event in shop.target(deployment)["lifecycleEvents"]}
    assert events == {"BeforeAllowTraffic": "Succeeded", "AllowTraffic": "Failed", "AfterAllowTraffic": "Skipped"}

    # The alarm says why.
    (alarm,) = shop.cloudwatch.describe_alarms(AlarmNames=[f"orders-1-{version}"])["MetricAlarms"]
    history = shop.cloudwatch.describe_alarm_history(AlarmName=alarm["AlarmName"], HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    assert any(summary.endswith("to ALARM") for summary in summaries)


def test_a_fixed_version_is_promoted_after_a_rollback(shop: Shop) -> None:
    with shop.traffic():
        bad, _ = shop.release(BAD)
        shop.ended(shop.ended(bad)["rollbackInfo"]["rollbackDeploymentId"])
        fixed, version = shop.release(GOOD + "# fixed\n")
        assert shop.ended(fixed)["status"] == "Succeeded"
    assert shop.alias() == {"FunctionVersion": version, "RoutingConfig": None}
    listed = shop.codedeploy.list_deployments(applicationName="shop", deploymentGroupName="orders")["deployments"]
    assert listed[0] == fixed
    assert listed[-1] == bad
