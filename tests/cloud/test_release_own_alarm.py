"""Alarms of the user's own on the local cloud: one that fires stops a canary, and one that cannot work refuses it."""

import threading
from dataclasses import replace

from infra.release.engine.runner import run
from infra.release.model.outcome import Ending, Outcome
from local.tests.cloud.conftest import until
from tests.cloud.test_release_engine import GOOD, POLICY, World, cloud, live, world

__all__ = ["cloud", "live", "world"]
NAME = "orders-per-minute-low"


def alarmed(world: World, name: str = NAME, missing: str = "notBreaching") -> None:
    """Declare an alarm on a metric without data, which is green or, where missing data breach, red for good."""
    world.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Shop",
        MetricName="Orders",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData=missing,
    )


def release(world: World, version: str, *alarms: str) -> Outcome:
    wanted = replace(world.target(version), alarms=alarms)
    return run([wanted], POLICY, world.aws, world.clock, lambda each: world.reported.append(each.line()))["orders"]


def test_an_alarm_of_the_users_own_stops_the_canary_and_says_why_itself(live: World) -> None:
    alarmed(live)
    version, done = live.functions.publish(GOOD.replace("VERSION", "2")), threading.Event()

    def fire() -> None:
        while not done.wait(0.1):
            if any("canary: " in line for line in live.reported):
                alarmed(live, missing="breaching")
                return

    operator = threading.Thread(target=fire)
    operator.start()
    try:
        end = release(live, version, NAME)
    finally:
        done.set()
        operator.join()
    assert (end.ending, end.reason, live.alias()) == (Ending.ROLLED_BACK, "alarm", "1")
    [found] = live.cloudwatch.describe_alarms(AlarmNames=[NAME])["MetricAlarms"]
    assert end.detail.startswith(f"alarm {NAME} fired: {found['StateReason']}")
    stopped = live.deployment(end.deployment_id)
    assert {"name": NAME} in stopped["overrideAlarmConfiguration"]["alarms"]


def test_an_alarm_that_cannot_stop_a_canary_refuses_it_with_the_reason(live: World) -> None:
    alarmed(live)
    live.cloudwatch.put_composite_alarm(AlarmName="any-of-them", AlarmRule=f'ALARM("{NAME}")')
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    for name, why in (
        ("nowhere", "alarm nowhere does not exist in"),
        ("any-of-them", "alarm any-of-them is a composite alarm, and CodeDeploy reads metric alarms alone"),
    ):
        end = release(live, version, name)
        assert (end.ending, end.reason) == (Ending.REFUSED, "alarm")
        assert end.detail.startswith(why)
    alarmed(live, "red", missing="breaching")
    until(lambda: live.is_red("red"))
    refused = release(live, version, "red")
    assert (refused.ending, refused.reason) == (Ending.REFUSED, "alarm")
    assert live.alias() == "1"
