"""Hooks misbehave, each after a commit to the hook's own code that the same `up` deploys."""

import pytest

from rehearsal.environment.workspace import Edit
from tests.rehearsal.scene import Scene

FILE = "app/hooks/hook.py"
ANSWERING = "    client = codedeploy()\n"
SILENT = Edit("Judge, and never answer", FILE, ANSWERING, f"    return\n{ANSWERING}")
TWICE = Edit(
    "Answer well, and then badly",
    FILE,
    ANSWERING,
    f"{ANSWERING}    client.put_lifecycle_event_hook_execution_status(\n"
    '        deploymentId=deployment, lifecycleEventHookExecutionId=execution, status="Succeeded"\n'
    '    )\n    status = "Failed"\n',
)
RAISING = Edit(
    "Look for the smoke events elsewhere",
    "app/hooks/smoke.py",
    '    services = json.loads(os.environ["SERVICES"])',
    '    raise RuntimeError("the events are out of reach")',
)
HOUR_IN_SECONDS = 600.0
"""Simulated seconds per real one: a hook's hour is over in six. No canary is judged at that pace."""


@pytest.mark.faults
def test_a_hook_that_never_answers_fails_the_deployment_after_its_hour(scene: Scene) -> None:
    name = "a hook never answers"
    scene.commit(name, SILENT)
    with scene.traffic():
        with scene.at(HOUR_IN_SECONDS):
            said = scene.up()
        assert said.code != 0
        scene.ends(name, said)
        then = scene.up()
    scene.then(name, then)
    assert "infra.release allow-retry" in then.text


@pytest.mark.faults
def test_a_hook_that_raises_still_answers_and_its_error_is_reported(scene: Scene) -> None:
    name = "a hook raises"
    scene.commit(name, RAISING)
    with scene.traffic():
        said = scene.up()
        assert said.code != 0
        scene.ends(name, said)
        then = scene.up()
    scene.then(name, then)
    assert "infra.release allow-retry" in then.text


@pytest.mark.faults
def test_of_two_answers_of_a_hook_the_first_counts(scene: Scene) -> None:
    name = "a hook answers twice, first well and then badly"
    scene.commit(name, TWICE)
    with scene.traffic():
        said = scene.up()
    assert said.code == 0, said.text
    assert "no longer waits for an answer" in scene.log_of(scene.target["before_allow_traffic"])
    scene.ends(name, said)
    scene.then(name, scene.up())
