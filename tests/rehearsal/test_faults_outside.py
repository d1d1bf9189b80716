"""Something outside the release changes what it depends on: alarms, traffic, the alias, the deployment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.rehearsal.scene import UP, Scene, wait_for


@pytest.mark.faults
def test_a_deleted_verdict_alarm_stops_the_canary_and_rejects_nothing(scene: Scene) -> None:
    name = "the verdict alarm is deleted mid-canary"
    scene.commit(name)
    with scene.at(scene.slower), scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        scene.cloudwatch.delete_alarms(AlarmNames=[scene.verdict_alarm()])
        said = up.wait()
        assert said.code != 0, said.text
        scene.ends(name, said)
    with scene.traffic():
        then = scene.up()
    scene.then(name, then, deployments=2)


@pytest.mark.faults
def test_nothing_starts_while_the_alias_is_in_alarm(scene: Scene) -> None:
    name = "an alarm of the alias is red before the start"
    scene.commit(name)
    with failing_calls(scene):
        wait_for("the alias is in alarm", lambda: scene.state_of_alarm() == "ALARM")
        said = scene.up()
    assert said.code != 0
    assert scene.deployments() == []
    scene.ends(name, said)
    wait_for("the alarm is green", lambda: scene.state_of_alarm() == "OK")
    with scene.traffic():
        then = scene.up()
    scene.then(name, then)


@contextmanager
def failing_calls(scene: Scene) -> Iterator[None]:
    """Call the live version with a payload that is no HTTP event, so that it raises, while the block runs."""
    over = threading.Event()

    def call() -> None:
        while not over.wait(0.1):
            scene.lambda_.invoke(FunctionName=scene.function, Qualifier=scene.target["alias"], Payload=b"{}")

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.faults
def test_a_canary_without_requests_is_not_promoted(scene: Scene) -> None:
    name = "the canary gets no requests, and evidence is enforced"
    scene.commit(name)
    with scene.traffic():
        wait_for("stable has served orders", lambda: scene.called("PutItem"))
    said = scene.up()
    assert said.code != 0
    scene.ends(name, said)
    with scene.traffic():
        then = scene.up()
    scene.then(name, then, deployments=2)


@pytest.mark.faults
def test_an_alias_moved_by_hand_in_mid_canary_rolls_the_canary_back(scene: Scene) -> None:
    name = "an operator moves the alias mid-canary"
    scene.commit(name)
    with scene.at(scene.slower), scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        scene.move_alias(scene.before.live)
        said = up.wait()
        assert said.code != 0, said.text
        scene.ends(name, said)
    with scene.traffic():
        then = scene.up()
    scene.then(name, then, deployments=2)


@pytest.mark.faults
def test_a_deployment_stopped_without_a_rollback_leaves_no_split_alias(scene: Scene) -> None:
    name = "an operator stops the deployment without a rollback"
    scene.commit(name)
    with scene.at(scene.slower), scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        scene.codedeploy.stop_deployment(deploymentId=scene.in_flight()[0], autoRollbackEnabled=False)
        said = up.wait()
        assert said.code != 0, said.text
        scene.ends(name, said)
    with scene.traffic():
        then = scene.up()
    scene.then(name, then, deployments=2)
