"""`curve: auto` and an alarm of the user's own on the real CLI: two services with two weeks of unlike traffic."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from infra.codedeploy import CANARIES, LINEAR
from rehearsal import commits
from rehearsal.environment.sandbox import FULFILMENT, ORDERS
from rehearsal.environment.workspace import Edit
from tests.rehearsal.scene import UP, Scene, wait_for

AUTO = (
    Edit(
        "Choose the curve of orders",
        "Pulumi.prod.yaml",
        "    curve:\n      percent: 10\n      minutes: 10",
        "    curve: auto",
    ),
    Edit("Choose the curve of fulfilment", commits.QUEUED.file, "curve: {percent: 20, minutes: 10}", "curve: auto"),
)
REFUNDS = "refunds-high"
WATCHED = Edit(
    "Stop a canary of orders on refunds",
    "app/orders/service.yaml",
    "errors: answered",
    f"errors: answered\ncanary: {{alarms: [{REFUNDS}]}}",
)
BUSY, QUIET = 40, 1  # requests per simulated second
CHOSEN = {
    ORDERS: (CANARIES[10, 5], f"{BUSY} requests/s at 0 % errors: 10 % for 5 minutes catches +5 points in "),
    FULFILMENT: (LINEAR[10, 2], f"{QUIET} requests/s at 0 % errors: 10 % more every 2 minutes catches +5 points in "),
}
ENDED = re.compile(
    r"strata-prod-(?P<service>\w+) \d+ -> \d+ rolled back \((?P<reason>\w+)\): (?P<detail>.*?); deployment "
)
BUCKET = 15 * 60  # simulated seconds of a count of the last weeks
WEEKS = 2  # CloudWatch takes no older data
MOST = 1000  # data of one call: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html


def served(scene: Scene, service: str, rate: int) -> None:
    """Let the service's alias have had that rate, without errors, in each quarter of the last weeks, unless it had."""
    factor = scene.stage.sandbox.factor
    function, bucket = scene.stage.sandbox.target(service)["function"], BUCKET / factor
    middle = (time.time() // bucket - 0.5) * bucket
    dimensions = [{"Name": "FunctionName", "Value": function}, {"Name": "Resource", "Value": f"{function}:live"}]
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Invocations", "Dimensions": dimensions}
    long_ago = datetime.fromtimestamp(middle, UTC) - timedelta(weeks=1) / factor
    asked = {"StartTime": long_ago, "EndTime": long_ago + timedelta(seconds=bucket), "Period": BUCKET}
    if scene.cloudwatch.get_metric_statistics(**metric, **asked, Statistics=["Sum"])["Datapoints"]:
        return
    sum_ = round(1.02 * rate * BUCKET)  # an estimate is rounded down
    data = [
        {
            "MetricName": "Invocations",
            "Dimensions": dimensions,
            "Timestamp": middle - number * bucket,
            "StatisticValues": {"SampleCount": sum_, "Sum": sum_, "Minimum": 1, "Maximum": 1},
        }
        for number in range(WEEKS * 7 * 24 * 3600 // BUCKET)
    ]
    for first in range(0, len(data), MOST):
        scene.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=data[first : first + MOST])


@pytest.fixture
def shop(scene: Scene) -> Iterator[Scene]:
    """The shared stack with that traffic behind it, and an alarm on a business figure that is green."""
    served(scene, ORDERS, BUSY)
    served(scene, FULFILMENT, QUIET)
    scene.cloudwatch.put_metric_alarm(
        AlarmName=REFUNDS,
        Namespace="Shop",
        MetricName="Refunds",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    yield scene
    scene.cloudwatch.delete_alarms(AlarmNames=[REFUNDS])


def refunded(scene: Scene) -> bool:
    """Count more refunds than the alarm allows; return True once it is red."""
    scene.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Refunds", "Value": 50}])
    red = scene.cloudwatch.describe_alarms(AlarmNames=[REFUNDS], StateValue="ALARM")["MetricAlarms"]
    return bool(red)


def curves(scene: Scene) -> dict[str, str]:
    """Return the curve of each service's newest deployment that is no rollback."""
    found = {}
    for service in CHOSEN:
        target = scene.stage.sandbox.target(service)
        made = scene.stage.sandbox.aws.observe(target).deployments[0]
        info = scene.codedeploy.get_deployment(deploymentId=made.id)["deploymentInfo"]
        found[service] = info["deploymentConfigName"]
    return found


def line(text: str, service: str, begin: str) -> str:
    """Return the service's line that begins so."""
    found = [each for each in text.splitlines() if f"strata-prod-{service}: {begin}" in each]
    assert found, text
    return found[-1]


@pytest.mark.faults
def test_a_busy_function_gets_a_short_canary_and_a_quiet_one_a_long_and_an_alarm_of_the_users_own_stops_them(
    shop: Scene,
) -> None:
    shop.commit("by its traffic", *AUTO, WATCHED, commits.COUNTED)
    foreseen = shop.stage.preview().text
    with shop.traffic(share=1.0):
        up = shop.type(*UP)
        wait_for("a canary has traffic", shop.split, up)
        wait_for("the alarm is red", lambda: refunded(shop), up)
        said = up.wait()
    assert said.code != 0
    for service, (curve, chosen) in CHOSEN.items():
        assert f"curve chosen: {chosen}" in line(foreseen, service, "would release")
        assert f" along {curve}, judged over " in line(said.text, service, "start: ")
    assert curves(shop) == {service: curve for service, (curve, _) in CHOSEN.items()}
    ended = {each["service"]: each for each in ENDED.finditer(said.text)}
    assert {service: each["reason"] for service, each in ended.items()} == {ORDERS: "alarm", FULFILMENT: "set"}
    assert ended[ORDERS]["detail"].startswith(f"alarm {REFUNDS} fired: Threshold Crossed: ")
    for service, (_, chosen) in CHOSEN.items():
        assert f"; curve chosen: {chosen}" in ended[service]["detail"]


@pytest.mark.faults
def test_the_same_versions_are_promoted_while_the_alarm_is_green_each_by_the_curve_of_its_traffic(shop: Scene) -> None:
    shop.commit("by its traffic", *AUTO, WATCHED, commits.COUNTED)
    with shop.traffic(share=1.0):
        said = shop.up()
    assert said.code == 0, said.text
    for service, (_, chosen) in CHOSEN.items():
        assert f"curve chosen: {chosen}" in line(said.text, service, "end: ")
        assert " promoted (verdict): " in line(said.text, service, "end: ")
    assert curves(shop) == {service: curve for service, (curve, _) in CHOSEN.items()}
