"""AWS denies or throttles the release's calls, or does not answer."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.rehearsal.scene import RELEASE, UP, Scene, wait_for

BURST = 4  # answers in a row that are an error
CALLED = {
    "cloudwatch": ("DeleteAlarms", "DescribeAlarms", "GetMetricData", "PutMetricAlarm"),
    "codedeploy": (
        "BatchGetDeployments",
        "CreateDeployment",
        "GetDeploymentTarget",
        "ListDeploymentTargets",
        "ListDeployments",
        "ListTagsForResource",
    ),
    "lambda": ("GetAlias", "GetFunctionConfiguration"),
    "sts": ("GetCallerIdentity",),
}
"""All calls that a release without faults makes to AWS."""


def turned_away(scene: Scene, name: str, fault: Mapping[str, Any]) -> None:
    """Inject the fault into the release's calls in mid-canary, remove it, and check that the next `up` resumes."""
    scene.commit(name)
    with scene.at(scene.slower), scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        scene.faults.put(fault)
        said = up.wait()
        scene.faults.clear()
        then = scene.up()
    assert said.code != 0
    scene.ends(name, said)
    scene.then(name, then)
    assert scene.deployments()[0].id in said.text


@pytest.mark.faults
def test_credentials_that_expire_in_mid_canary(scene: Scene) -> None:
    turned_away(scene, "credentials expire mid-canary", {"kind": "expired"})


@pytest.mark.faults
def test_a_role_that_loses_a_permission_in_mid_canary(scene: Scene) -> None:
    fault = {"kind": "denied", "service": "codedeploy", "action": "BatchGetDeployments"}
    turned_away(scene, "the deploying role loses a permission mid-canary", fault)


@pytest.mark.faults
def test_a_role_that_may_not_create_deployments_starts_nothing(scene: Scene) -> None:
    name = "the deploying role may not create deployments"
    scene.commit(name)
    scene.faults.put({"kind": "denied", "service": "codedeploy", "action": "CreateDeployment"})
    said = scene.up()
    assert said.code != 0
    assert scene.deployments() == []
    scene.ends(name, said)
    scene.faults.clear()
    with scene.traffic():
        then = scene.up()
    scene.then(name, then)


@pytest.mark.faults
def test_a_lost_answer_to_create_deployment_makes_no_second_one(scene: Scene) -> None:
    name = "the answer to CreateDeployment is lost"
    scene.commit(name)
    scene.faults.put({"kind": "lost", "service": "codedeploy", "action": "CreateDeployment", "times": 1})
    with scene.traffic():
        said = scene.up()
    assert said.code == 0, said.text
    assert scene.faults.fired() == [1]
    scene.ends(name, said)
    scene.then(name, scene.up())


@pytest.mark.faults
def test_throttling_and_bursts_of_errors_on_every_api_are_tolerated(scene: Scene) -> None:
    name = "5 % of the release's calls throttled, and a burst of 500s on every API"
    scene.commit(name)
    every = [{"service": service, "action": action} for service, actions in CALLED.items() for action in actions]
    bursts = [{**call, "kind": "error", "times": BURST} for call in every]
    throttle = {"kind": "throttle", "share": 0.05, "seed": 7}
    scene.faults.put(*bursts, throttle)
    with scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        *met, _ = scene.faults.fired()
        scene.faults.put({"kind": "error", "seconds": 1.5}, throttle)
        said = up.wait()
    assert said.code == 0, said.text
    called = {
        (call["service"], call["action"]) for call in scene.faults.calls(scene.begun) if RELEASE in call["user_agent"]
    }
    # Only the first release after a stack's first version writes a tag.
    assert called - {("codedeploy", "TagResource")} == {(call["service"], call["action"]) for call in every}
    # A deployment's target is read only once traffic moves, and its alarms are deleted at the end.
    late = {"DeleteAlarms", "GetDeploymentTarget", "ListDeploymentTargets"}
    spared = [call["action"] for call, times in zip(every, met, strict=True) if times < BURST]
    assert set(spared) <= late
    assert scene.faults.fired()[0] > 0
    scene.faults.clear()
    scene.ends(name, said)
    scene.then(name, scene.up())
