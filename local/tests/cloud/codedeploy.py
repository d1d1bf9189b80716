"""Sets up what the tests of CodeDeploy start from: a function behind an alias, and its deployment group."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import Functions, until

GOOD = "def handler(event, context):\n    return context.function_version\n# {}\n"
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
EVERY = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
ENDED = {"Succeeded", "Failed", "Stopped"}


def trust(service: str) -> str:
    """Return an assume-role policy."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def appspec(
    current: str, target: str, hooks: Mapping[str, str] | None = None, function: str = "orders"
) -> dict[str, Any]:
    """Return a revision that shifts the alias `live`."""
    properties = {"Name": function, "Alias": "live", "CurrentVersion": current, "TargetVersion": target}
    content = {
        "version": 0.0,
        "Resources": [{function: {"Type": "AWS::Lambda::Function", "Properties": properties}}],
        "Hooks": [{event: name} for event, name in (hooks or {}).items()],
    }
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}}


class Deployer:
    """The function `orders` with versions 1 to 3, alias `live` at 1; application `shop` with the group `orders`."""

    def __init__(self, client: Callable[[str], Any], functions: Functions) -> None:
        self.client = client
        self.functions = functions
        self.codedeploy = client("codedeploy")
        self.lambda_ = client("lambda")
        self.cloudwatch = client("cloudwatch")
        role = client("iam").create_role(
            RoleName="deployer", AssumeRolePolicyDocument=trust("codedeploy.amazonaws.com")
        )
        self.role = str(role["Role"]["Arn"])
        functions.create(GOOD.format(1))
        for version in (2, 3):
            functions.publish(GOOD.format(version))
        functions.alias("1")
        self.codedeploy.create_application(applicationName="shop", computePlatform="Lambda")
        self.curve("minute", 1)
        self.curve("hours", 600)
        self.group("orders")

    def curve(self, name: str, minutes: int, percent: int = 10) -> str:
        """Return a canary configuration."""
        canary = {"canaryPercentage": percent, "canaryInterval": minutes}
        self.codedeploy.create_deployment_config(
            deploymentConfigName=name,
            computePlatform="Lambda",
            trafficRoutingConfig={"type": "TimeBasedCanary", "timeBasedCanary": canary},
        )
        return name

    def group(self, name: str, events: list[str] | None = None, **more: Any) -> None:
        """Create a deployment group that rolls back on `events`, on all of them if None."""
        rolled = EVERY if events is None else events
        self.codedeploy.create_deployment_group(
            **{
                "applicationName": "shop",
                "deploymentGroupName": name,
                "deploymentConfigName": "minute",
                "serviceRoleArn": self.role,
                "deploymentStyle": STYLE,
                "autoRollbackConfiguration": {"enabled": bool(rolled), "events": rolled},
                **more,
            }
        )

    def deploy(self, revision: dict[str, Any] | None = None, **more: Any) -> str:
        """Create a deployment, by default from version 1 to 2; return its id."""
        request = {
            "applicationName": "shop",
            "deploymentGroupName": "orders",
            "revision": revision or appspec("1", "2"),
            **more,
        }
        return str(self.codedeploy.create_deployment(**request)["deploymentId"])

    def info(self, deployment: str) -> dict[str, Any]:
        """Return GetDeployment's answer."""
        return dict(self.codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"])

    def target(self, deployment: str) -> dict[str, Any]:
        """Return GetDeploymentTarget's answer for the only target."""
        (identifier,) = self.codedeploy.list_deployment_targets(deploymentId=deployment)["targetIds"]
        found = self.codedeploy.get_deployment_target(deploymentId=deployment, targetId=identifier)
        return dict(found["deploymentTarget"]["lambdaTarget"])

    def events(self, deployment: str) -> list[str]:
        """Return the statuses of the three lifecycle events."""
        return [event["status"] for event in self.target(deployment)["lifecycleEvents"]]

    def ended(self, deployment: str) -> dict[str, Any]:
        """Wait for the deployment's end; return GetDeployment's answer."""
        assert until(lambda: self.info(deployment)["status"] in ENDED), self.info(deployment)
        return self.info(deployment)

    def rolled_back(self, deployment: str) -> dict[str, Any]:
        """Return the ended deployment that rolls the other back."""
        return self.ended(self.ended(deployment)["rollbackInfo"]["rollbackDeploymentId"])

    def alias(self) -> tuple[str, dict[str, float]]:
        """Return version and weights of the alias."""
        found = self.lambda_.get_alias(FunctionName="orders", Name="live")
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def split(self) -> None:
        """Wait until the alias is split."""
        assert until(lambda: self.alias()[1]), self.alias()

    def alarm(self, name: str) -> None:
        """Create an alarm on a metric without data; its state is set by hand and stays until it is set again."""
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Tests",
            MetricName=name,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )

    def turn(self, name: str, state: str) -> None:
        """Set the state of an alarm."""
        self.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="by hand")


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Return code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])
