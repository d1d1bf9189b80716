"""A machine that stalls for many simulated minutes: what the cloud decides is what it would have decided in time."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.tests.cloud.alarms import PLAIN
from local.tests.cloud.codedeploy import Deployer
from local.tests.cloud.conftest import Cloud, Functions, start_cloud, stop_cloud, until

MINUTES = 5  # of the canary
STALL = 12  # minutes for which the machine does nothing


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own, to be stopped and continued, in which a minute lasts half a second."""
    process, running = start_cloud(tmp_path_factory.mktemp("timeline"), factor=120)
    yield running
    stop_cloud(process)


@pytest.fixture
def deployer(client: Callable[[str], Any], functions: Functions) -> Deployer:
    made = Deployer(client, functions)
    made.cloudwatch.put_metric_alarm(**PLAIN)

    def state() -> str:
        return str(made.cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"])

    assert until(lambda: state() == "OK")
    return made


@contextmanager
def stalled(cloud: Cloud) -> Iterator[None]:
    """The cloud's process stands still for STALL minutes from the end of the block on."""
    try:
        yield
        os.kill(cloud.pid, signal.SIGSTOP)
        time.sleep(STALL * cloud.minute)
    finally:
        os.kill(cloud.pid, signal.SIGCONT)


def canary(deployer: Deployer) -> str:
    deployment = deployer.deploy(
        deploymentConfigName=deployer.curve("canary", MINUTES),
        overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]},
    )
    deployer.split()
    return deployment


def test_a_bad_canary_is_stopped_by_the_minute_that_condemns_it_however_late_that_is_evaluated(
    deployer: Deployer, cloud: Cloud
) -> None:
    deployment = canary(deployer)
    with stalled(cloud):
        deployer.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Errors", "Value": 9}])
    ended = deployer.ended(deployment)
    assert (ended["status"], ended["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert until(lambda: deployer.alias() == ("1", {}))
    history = deployer.cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="StateUpdate")
    assert "Alarm updated from OK to ALARM" in [item["HistorySummary"] for item in history["AlarmHistoryItems"]]


def test_a_good_canary_shifts_after_the_stall(deployer: Deployer, cloud: Cloud) -> None:
    deployment = canary(deployer)
    with stalled(cloud):
        deployer.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Errors", "Value": 5}])
    assert deployer.ended(deployment)["status"] == "Succeeded"
    assert deployer.alias() == ("2", {})
