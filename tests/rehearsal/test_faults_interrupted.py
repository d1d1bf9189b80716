"""An operator interrupts a release: by Ctrl-C, from another terminal, by a second `up`."""

import pytest

from rehearsal.environment.sandbox import STACK
from tests.rehearsal.scene import UP, Scene, wait_for


@pytest.mark.faults
def test_one_ctrl_c_ends_the_waiting_and_not_the_canary(scene: Scene) -> None:
    name = "Ctrl-C mid-canary"
    scene.commit(name)
    with scene.at(scene.slower), scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        up.press_ctrl_c()
        said = up.wait()
        then = scene.up()
    assert said.code != 0
    scene.ends(name, said)
    scene.then(name, then)


@pytest.mark.faults
def test_two_ctrl_cs_end_the_cli_at_once_and_not_the_canary(scene: Scene) -> None:
    name = "Ctrl-C twice, while AWS does not answer"
    scene.commit(name)
    with scene.at(scene.slower), scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        scene.faults.put({"service": "lambda", "action": "GetAlias", "kind": "delay", "seconds": 120})
        wait_for("AWS does not answer", lambda: scene.faults.fired() == [1], up)
        up.press_ctrl_c()
        wait_for("the CLI has received the signal", lambda: "^C received" in up.text, up)
        up.press_ctrl_c()
        said = up.wait()
        scene.faults.clear()
        then = scene.up()
    assert said.code != 0
    scene.ends(name, said)
    scene.then(name, then)


@pytest.mark.faults
def test_a_second_up_is_turned_away_by_the_lock_and_the_first_goes_on(scene: Scene) -> None:
    name = "a second up during the first"
    scene.commit(name)
    with scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        second = scene.up()
        first = up.wait()
    assert second.code != 0
    assert first.code == 0, first.text
    scene.ends(name, second)
    scene.then(name, scene.up())


@pytest.mark.faults
def test_an_abort_in_another_terminal_ends_the_up_in_the_first(scene: Scene) -> None:
    name = "abort --reason in another terminal, mid-canary"
    scene.commit(name)
    abort = (".venv/bin/python", "-m", "infra.release", "abort", "--stack", STACK, "--reason", "orders look strange")
    with scene.at(scene.slower), scene.traffic():
        up = scene.type(*UP)
        wait_for("a canary has traffic", scene.split, up)
        other = scene.type(*abort).wait()
        said = up.wait()
        assert said.code != 0
        assert "orders look strange" in said.text
        assert "rolled back (operator)" in other.text, other.text
        scene.ends(name, said)
    with scene.traffic():
        then = scene.up()
    scene.then(name, then, deployments=2)
