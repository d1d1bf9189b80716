"""The operator's command on the local cloud."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from infra.release.model.spec import ReleasePolicy
from local.tests.cloud.conftest import REGION, ROOT, until
from tests.cloud.test_release_engine import GOOD, World, live, world
from tests.unit.states import release, stack

__all__ = ["live", "world"]  # fixtures

ALONE = ReleasePolicy(wait=False)


def watch(world: World, folder: Path, state: object) -> subprocess.Popen[str]:
    """`python -m infra.release watch`, with a `pulumi` whose stack has that state."""
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(state)}\nEND\n" if state else "#!/bin/sh\nexit 255\n")
    pulumi.chmod(0o755)
    return subprocess.Popen(
        [sys.executable, "-m", "infra.release", "watch", "--stack", "prod"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "STRATA_CLOCK_RATE": f"{world.cloud.factor:g}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def state(world: World, version: str) -> dict[str, object]:
    return stack(release({"region": REGION, "targets": [asdict(world.target(version))], "policy": asdict(ALONE)}))


def test_a_watcher_follows_a_release_without_a_running_up_to_its_end(live: World, tmp_path: Path) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    started = live.release(version, ALONE)
    watcher = watch(live, tmp_path, state(live, version))
    said, _ = watcher.communicate(timeout=600)
    assert watcher.returncode == 0
    assert f"orders: start: {started.deployment_id} is this release, already in flight" in said
    assert said.splitlines()[-1].startswith("orders: end: 1 -> 2 promoted (verdict)")


def test_a_watcher_that_is_interrupted_leaves_the_release_alone_and_says_so(live: World, tmp_path: Path) -> None:
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    started = live.release(version, ALONE)
    watcher = watch(live, tmp_path, state(live, version))
    assert watcher.stdout
    watcher.stdout.readline()
    watcher.send_signal(signal.SIGINT)
    _, said = watcher.communicate(timeout=600)
    assert watcher.returncode == 4
    assert f"{started.deployment_id} of orders goes on under CloudWatch's judgement" in said
    assert "Traceback" not in said
    assert until(lambda: live.deployment(started.deployment_id)["status"] == "Succeeded", seconds=300)


def test_a_stack_without_a_release_is_reported(world: World, tmp_path: Path) -> None:
    watcher = watch(world, tmp_path, None)
    _, said = watcher.communicate(timeout=600)
    assert watcher.returncode == 4
    assert said.startswith("error: stack prod has no release: ")


def test_invalid_targets_are_reported_by_their_path(world: World, tmp_path: Path) -> None:
    watcher = watch(world, tmp_path, stack(release({"region": REGION, "targets": [{"function": 3}], "policy": {}})))
    _, said = watcher.communicate(timeout=600)
    assert watcher.returncode == 4
    assert "release.targets[0].alias is missing" in said
    assert "release.targets[0].function is 3: it must be of type str" in said


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "plan",
        "watch",
        "abort",
        "rollback",
        "allow-retry",
        "unstick",
        "history",
        "promote",
        "doctor",
        "prune",
        "sweep",
        "power",
        "view",
        "forgive",  # an earlier name of allow-retry
    ],
)
def test_every_command_says_what_it_does(command: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "infra.release", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Usage: python -m infra.release" in ran.stdout
