"""The CLI is killed by `kill -9` at each point of a release: CloudWatch goes on judging, and the next `up` resumes."""

from collections.abc import Callable

import pytest

from rehearsal import commits
from tests.rehearsal.scene import UP, Scene, wait_for

HELD = {"kind": "delay", "seconds": 120}
"""Holds a call, so that the CLI still waits for it when it is killed."""


def killed(scene: Scene, what: str, moment: Callable[[], bool]) -> None:
    """Run `pulumi up`, and `kill -9` it at that moment."""
    up = scene.type(*UP)
    wait_for(what, moment, up)
    up.kill()
    scene.faults.clear()


def held(scene: Scene, **call: str) -> Callable[[], bool]:
    """Return the moment at which that call has been made and is not answered yet."""
    scene.faults.put({**call, **HELD})
    return lambda: scene.faults.fired() != [0]


@pytest.mark.faults
def test_killed_before_the_version_is_published(scene: Scene) -> None:
    name = "kill -9 of pulumi up before the version is published"
    scene.commit(name)
    # The program reads the account of its credentials before it declares anything.
    killed(scene, "the CLI is at work", held(scene, service="sts", action="GetCallerIdentity", user_agent="Boto3"))
    assert not scene.called("UpdateFunctionCode")
    scene.ends(name, scene.locked())
    with scene.traffic():
        said = scene.up()
    scene.then(name, said)


@pytest.mark.faults
def test_killed_once_the_version_is_published(scene: Scene) -> None:
    name = "kill -9 once the version is published"
    scene.commit(name)
    # The release creates the verdict alarm first.
    killed(scene, "the alarm is asked for", held(scene, service="cloudwatch", action="PutMetricAlarm"))
    assert scene.called("PublishVersion")
    published = len(scene.versions())
    scene.ends(name, scene.locked())
    with scene.traffic():
        said = scene.up()
    scene.then(name, said)
    assert len(scene.versions()) == published


@pytest.mark.faults
def test_killed_once_the_deployment_is_created(scene: Scene) -> None:
    name = "kill -9 once the deployment is created"
    scene.commit(name)
    with scene.traffic():
        killed(scene, "the deployment is created", lambda: scene.called("CreateDeployment"))
        scene.ends(name, scene.locked())
        said = scene.up()
    scene.then(name, said)
    assert f"promoted by {scene.deployments()[0].id}" in said.text


def test_killed_in_mid_canary(scene: Scene) -> None:
    name = "kill -9 mid-canary"
    scene.commit(name)
    with scene.at(scene.slower), scene.traffic():
        killed(scene, "a canary has traffic", scene.split)
        locked = scene.locked()
        said = scene.up()
    scene.ends(name, locked + said)
    scene.then(name, said)


@pytest.mark.faults
def test_killed_in_mid_canary_of_a_bad_version(scene: Scene) -> None:
    name = "kill -9 mid-canary, and the version is bad"
    scene.commit(name, commits.BAD)
    with scene.at(scene.slower), scene.traffic(posts=0.8, share=1.0):
        killed(scene, "a canary has traffic", scene.split)
        wait_for("nothing is in flight", scene.at_rest)
        assert scene.deployments()[0].error == "ALARM_ACTIVE"
        locked = scene.locked()
        said = scene.up()
    scene.ends(name, locked + said)
    scene.then(name, said)
    assert "infra.release allow-retry" in said.text


@pytest.mark.faults
def test_killed_once_all_traffic_has_shifted(scene: Scene) -> None:
    name = "kill -9 once all traffic has shifted"
    scene.commit(name)

    def shifted() -> bool:
        """Return True once the runner waits for a call from before the shift, and traffic has moved."""
        if scene.split() and scene.faults.fired() == []:
            held(scene, service="lambda", action="GetAlias")
        return scene.faults.fired() == [1] and not scene.split()

    with scene.at(scene.slower), scene.traffic():
        killed(scene, "all traffic has shifted", shifted)
        scene.ends(name, scene.locked())
        said = scene.up()
    scene.then(name, said)
    assert f"promoted by {scene.deployments()[0].id}" in said.text
