"""`curve: auto` on the local cloud: a busy function gets a short canary, and a quiet one a long one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.codedeploy import CANARIES, LINEAR
from infra.release.engine.runner import run
from infra.release.model.outcome import Ending, Progress
from infra.release.model.spec import Target
from infra.release.verdict.curves import Auto
from infra.release.verdict.traffic import PERIOD
from tests.cloud.test_release_engine import GOOD, POLICY, World, cloud, live, world

__all__ = ["cloud", "live", "world"]
AUTO = Auto(points=5, chance=0.9, longest=30)
HOURS = 6


def served(world: World, requests: int, alias: str = "live") -> None:
    """Let the alias have had so many requests in each quarter of the last hours."""
    now, dimensions = world.clock.now(), {"FunctionName": "orders", "Resource": f"orders:{alias}"}
    world.cloudwatch.put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "Invocations",
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                "Timestamp": world.clock.real(now - number * PERIOD - timedelta(minutes=2)),
                "StatisticValues": {"SampleCount": requests, "Sum": requests, "Minimum": 1, "Maximum": 1},
            }
            for number in range(1, HOURS * 4)
        ],
    )


def chooses(world: World, version: str) -> Target:
    return replace(world.target(version), percent=10, auto=AUTO)


@pytest.mark.parametrize(
    ("requests", "curve", "minutes", "said"),
    [
        (90_000, CANARIES[10, 5], 5, "10 % for 5 minutes catches +5 points in"),
        (300, LINEAR[10, 3], 27, "10 % more every 3 minutes catches +5 points in"),
    ],
)
def test_a_busy_function_gets_a_short_curve_and_a_quiet_one_a_long(
    live: World, requests: int, curve: str, minutes: int, said: str
) -> None:
    served(live, requests)
    served(live, 5_000_000, alias="another")
    wanted, reported = chooses(live, live.functions.publish(GOOD.replace("VERSION", "2"))), list[Progress]()
    with live.traffic():
        end = run([wanted], POLICY, live.aws, live.clock, reported.append)["orders"]
    assert (end.ending, live.alias()) == (Ending.PROMOTED, "2")
    assert said in end.detail
    made = live.deployment(end.deployment_id)
    assert made["deploymentConfigName"] == curve
    (start,) = [each.text for each in reported if each.text.startswith("1 -> 2 along")]
    assert f"along {curve}, judged over {minutes} minutes" in start
    canary = [each.text for each in reported if "/" in each.text and each.phase.name == "CANARY"]
    assert all(f"/{minutes} min" in each for each in canary)


def test_a_function_without_traffic_gets_the_configured_curve(live: World) -> None:
    wanted = chooses(live, live.functions.publish(GOOD.replace("VERSION", "2")))
    end = run([wanted], POLICY, live.aws, live.clock, lambda _: None)["orders"]
    assert live.deployment(end.deployment_id)["deploymentConfigName"] == "canary-10-10"
    assert "no traffic of the last 4 weeks is known: the default, 10 % for 10 minutes" in end.detail
