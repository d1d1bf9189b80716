"""The release engine on the local cloud: real deployments, alarms and rollbacks, under live traffic."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from infra.release.aws import Aws
from infra.release.aws.deployments import group_arn
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError, NotFoundError
from infra.release.engine.runner import retire, run
from infra.release.model import ledger
from infra.release.model.outcome import Ending, Outcome, Progress
from infra.release.model.spec import ReleasePolicy, Target
from local.tests.cloud.conftest import REGION, Cloud, Functions, start_cloud, stop_cloud, until
from rehearsal.environment import pace

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "codedeploy.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
GOOD = "def handler(event, context): return {'statusCode': 200, 'body': 'VERSION'}"
BAD = """
import random
def handler(event, context):
    if event != "probe" and random.random() < 0.5:
        raise ValueError("no such order 12345")
    return {'statusCode': 200}
"""
BROKEN = "import nowhere_to_be_found"
POLICY = ReleasePolicy(commit="abc123")
OFTEN = 0.02
"""Seconds between a caller's requests where a canary must have evidence: twice the twenty that it takes."""


class World:
    """One function behind its alias, with everything that a release of it needs."""

    def __init__(self, cloud: Cloud, account: str, functions: Functions, client: Callable[[str], Any]) -> None:
        self.cloud, self.functions, self.client = cloud, functions, client
        self.codedeploy, self.cloudwatch = client("codedeploy"), client("cloudwatch")
        self.clock = ScaledClock(cloud.factor)
        self.aws = Aws(REGION, self.clock)
        self.reported: list[str] = []
        self.topic = client("sns").create_topic(Name="alarms")["TopicArn"]
        role = client("iam").create_role(RoleName="codedeploy", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"][
            "Arn"
        ]
        dimensions = [{"Name": "FunctionName", "Value": "orders"}, {"Name": "Resource", "Value": "orders:live"}]
        self.cloudwatch.put_metric_alarm(
            AlarmName="orders-live-errors",
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=dimensions,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=3,
            Threshold=1e9,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
        self.codedeploy.create_application(applicationName="strata", computePlatform="Lambda")
        self.codedeploy.create_deployment_config(
            deploymentConfigName="canary-10-10",
            computePlatform="Lambda",
            trafficRoutingConfig={
                "type": "TimeBasedCanary",
                "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 10},
            },
        )
        self.codedeploy.create_deployment_group(
            applicationName="strata",
            deploymentGroupName="orders",
            serviceRoleArn=role,
            deploymentConfigName="canary-10-10",
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        )

    def target(self, version: str) -> Target:
        return Target(
            function="orders",
            alias="live",
            version=version,
            application="strata",
            group="orders",
            curve="canary-10-10",
            minutes=10,
            alarm="orders-live-errors",
            topic=self.topic,
            log_group="/aws/lambda/orders",
            probe='"probe"',
        )

    def release(self, version: str, policy: ReleasePolicy = POLICY) -> Outcome:
        report: Callable[[Progress], None] = lambda progress: self.reported.append(progress.line())  # noqa: E731
        return run([self.target(version)], policy, self.aws, self.clock, report)["orders"]

    def alias(self) -> str:
        return str(self.aws.alias("orders", "live"))

    @property
    def group(self) -> str:
        return group_arn(self.target("1"))

    def is_red(self, alarm: str) -> bool:
        [found] = self.cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return bool(found["StateValue"] == "ALARM")

    def deployment(self, id_: str | None) -> Any:
        return self.codedeploy.get_deployment(deploymentId=id_)["deploymentInfo"]

    def verdict_alarms(self) -> list[Any]:
        found = self.cloudwatch.describe_alarms(AlarmNamePrefix="orders-verdict-")["MetricAlarms"]
        return sorted(found, key=lambda alarm: str(alarm["AlarmName"]))

    @contextlib.contextmanager
    def traffic(self, pause: float = 0.04) -> Iterator[None]:
        """Callers of the alias, until the block ends. Each waits `pause` seconds between its requests."""
        done = threading.Event()

        def call() -> None:
            mine = self.client("lambda")
            while not done.wait(pause):
                mine.invoke(FunctionName="orders", Qualifier="live", Payload=b'"order"')["Payload"].read()

        with ThreadPoolExecutor(3) as callers:
            calls = [callers.submit(call) for _ in range(3)]
            try:
                yield
            finally:
                done.set()
        for each in calls:
            each.result()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A faster one than the session's, but for a busy machine: a canary of ten minutes takes five seconds."""
    factor = pace.at_first(120)[0]
    process, running = start_cloud(tmp_path_factory.mktemp("fast-cloud"), factor=factor)
    yield running
    stop_cloud(process)


@pytest.fixture
def world(
    cloud: Cloud,
    account: str,
    functions: Functions,
    client: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return World(cloud, account, functions, client)


@pytest.fixture
def live(world: World) -> World:
    """A world whose version 1 is good and has been released."""
    world.functions.create(GOOD)
    world.functions.alias("1")
    assert world.release("1").ending is Ending.FIRST
    return world


def test_the_first_version_is_called_and_recorded_at_the_group(live: World) -> None:
    [found] = live.codedeploy.list_tags_for_resource(ResourceArn=group_arn(live.target("1")))["Tags"]
    assert found["Key"] == "strata:first"
    assert found["Value"].startswith("version=1 fp=")
    assert live.release("1").ending is Ending.UNCHANGED


def test_a_broken_first_version_is_refused_with_its_last_line(world: World) -> None:
    world.functions.create(BROKEN)
    world.functions.alias("1")
    end = world.release("1")
    assert (end.ending, end.reason) == (Ending.REFUSED, "probe")
    assert "nowhere_to_be_found" in end.detail


def test_a_good_version_is_promoted_under_traffic_and_leaves_its_line_in_the_ledger(live: World) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    with live.traffic():
        end = live.release(version)
    assert (end.ending, end.from_version, end.to_version) == (Ending.PROMOTED, "1", "2")
    assert live.alias() == "2"
    entry = ledger.parse(live.deployment(end.deployment_id)["description"])
    assert entry is not None
    assert (entry.stable, entry.commit, entry.digest) == ("1", "abc123", live.aws.version("orders", "2").digest)
    seen = [line for line in live.reported if "canary: " in line]
    shown = re.compile(
        r"orders: canary: \d+/10 min · v2 10%: 0/\d+ errors · v1 90%: 0/[1-9]\d* · z 0\.00 \(limit 3\.09\)"
    )
    assert any(shown.fullmatch(line) for line in seen), seen


def test_a_bad_version_is_rolled_back_by_its_verdict_alarm_and_says_why(live: World) -> None:
    version = live.functions.publish(BAD)
    with live.traffic():
        end = live.release(version)
    assert (end.ending, end.reason, end.from_version, end.to_version) == (Ending.ROLLED_BACK, "verdict", "1", "2")
    assert live.alias() == "1"
    stopped = live.deployment(end.deployment_id)
    alarm, _ = (each["name"] for each in stopped["overrideAlarmConfiguration"]["alarms"])
    assert alarm in end.detail
    assert live.verdict_alarms() == [], "it is paid for, and its attempt has ended"
    assert end.cause == "ValueError: no such order 12345"
    assert end.line().count("\n") == 0
    assert stopped["errorInformation"]["code"] == "ALARM_ACTIVE"
    assert stopped["rollbackInfo"]["rollbackDeploymentId"]


def test_a_second_try_is_refused_or_waits_for_an_empty_window_and_has_an_alarm_of_its_own(live: World) -> None:
    version = live.functions.publish(BAD)
    retry = replace(POLICY, retry=live.aws.version("orders", version).fingerprint)
    with live.traffic():
        rejected = live.release(version)
        assert rejected.ending is Ending.ROLLED_BACK
        refused = live.release(version)
        assert (refused.ending, refused.reason) == (Ending.REFUSED, "rejected")
        assert str(rejected.deployment_id) in refused.detail
        again = live.release(version, retry)
        assert again.ending is Ending.ROLLED_BACK
        assert live.release(version, retry).reason == "rejected"
    assert any(": settle: " in line for line in live.reported)
    tries = [live.deployment(each.deployment_id)["overrideAlarmConfiguration"] for each in (rejected, again)]
    assert tries[0]["alarms"][0] != tries[1]["alarms"][0]


def test_a_version_whose_import_fails_is_rolled_back_with_the_import_error(live: World) -> None:
    version = live.functions.publish(BROKEN)
    with live.traffic():
        end = live.release(version)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "verdict")
    assert "nowhere_to_be_found" in end.cause


def test_a_release_without_a_running_up_is_adopted_by_the_next(live: World) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    started = live.release(version, ReleasePolicy(wait=False))
    assert started.ending is Ending.STARTED
    end = live.release(version)
    assert (end.ending, end.deployment_id) == (Ending.PROMOTED, started.deployment_id)


def test_a_deployment_stopped_without_rollback_is_put_right_by_the_runner(live: World) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    started = live.release(version, ReleasePolicy(wait=False))
    assert until(lambda: live.alias() != "1")
    live.codedeploy.stop_deployment(deploymentId=started.deployment_id, autoRollbackEnabled=False)
    other = live.functions.publish(GOOD.replace("VERSION", "3"))
    end = live.release(other)
    assert (end.ending, end.from_version) == (Ending.PROMOTED, "1")
    assert any("sending all traffic to 1" in line for line in live.reported)


def test_a_deleted_release_brings_its_canary_back_and_deletes_its_alarms(live: World) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    started = live.release(version, ReleasePolicy(wait=False))
    retire([live.target(version)], POLICY, live.aws, live.clock, lambda _: None)
    assert live.alias() == "1"
    assert live.deployment(started.deployment_id)["status"] == "Stopped"
    assert live.verdict_alarms() == []


def test_what_aws_does_not_have_is_reported_in_a_sentence(world: World) -> None:
    with pytest.raises(
        NotFoundError, match=r"AWS refuses lambda GetAlias \(alias live of orders\): ResourceNotFoundException"
    ):
        world.release("1")


def test_credentials_of_another_account_are_reported_before_anything_else(world: World) -> None:
    world.topic = world.topic.replace(world.topic.split(":")[4], "999999999999")
    with pytest.raises(AwsError, match=r"the credentials are of account \d{12}, but orders is in 999999999999"):
        world.release("1")


def test_an_unreachable_endpoint_is_reported_with_its_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(AwsError, match=r"does not answer .*check that AWS_ENDPOINT_URL=http://127.0.0.1:9 is up"):
        Aws(REGION, world.clock).alias("orders", "live")
