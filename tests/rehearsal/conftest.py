"""Fixtures: the real Pulumi CLI on a local cloud, shared by all tests that can. No `pulumi` on PATH is an error."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.environment import sandbox
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.environment.workspace import scrubbed
from rehearsal.observe import iam_decisions
from rehearsal.observe.iam_decisions import EXCHANGE, Decision
from tests.rehearsal.scene import Faults, Scene
from tests.rehearsal.stage import FACTOR, Stage


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_users() -> Iterator[None]:
    """Scrub the environment, so that neither these tests nor what they start finds the user's accounts."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(scrubbed(before))
    if shutil.which("pulumi") is None:
        pytest.fail("there is no `pulumi` on PATH; run `make test`, which finds or builds one", pytrace=False)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def bare() -> Iterator[Stage]:
    """One sandbox for all tests, with its stack as the test before left it."""
    with sandbox.running(FACTOR) as running:
        yield Stage(running)


@pytest.fixture
def stage(bare: Stage) -> Stage:
    """The shared stack, released: as the last test left it, or reset to its first state and deployed."""
    bare.keep_pace()
    if bare.released is None or bare.tree() != bare.released:
        bare.reset()
        with bare.traffic() if bare.sandbox.outputs() else nullcontext():
            said = bare.up()
        assert said.code == 0, said.text
    return bare


@pytest.fixture
def scene(bare: Stage, tmp_path: Path) -> Iterator[Scene]:
    """The shared stack, live and at rest, for a test that injects faults; they are removed afterwards."""
    bare.keep_pace()
    if not bare.sandbox.outputs():
        bare.reset()
        assert (said := bare.up()).code == 0, said.text
    bare.released = None
    scene = Scene(bare, tmp_path, Faults(bare.sandbox.endpoint))
    yield scene
    scene.clear()


@dataclass(frozen=True)
class Ran:
    """A rehearsal's command that has ended: its exit code, output, report, and IAM's decisions."""

    code: int
    text: str
    report: dict[str, Any]
    made: tuple[Decision, ...] = ()

    def of(self, role: str) -> list[Decision]:
        return [one for one in self.made if one.role == role and one.action != EXCHANGE]


def rehearse(file: Path, *options: str) -> Ran:
    """Run `make rehearsal` with its report in that file."""
    command = [sys.executable, "-m", "rehearsal", "--report", str(file), *options]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=3600)
    text = done.stdout + done.stderr
    assert file.exists(), text
    decisions = file.with_name("decisions.json")
    made = iam_decisions.read(decisions) if decisions.exists() else ()
    return Ran(done.returncode, text, json.loads(file.read_text()), made)


def rehearse_promotion(file: Path, *options: str) -> dict[str, Any]:
    """Run `make rehearsal-promotion` with its report in that file; it must end as expected. Return the report."""
    command = [sys.executable, "-m", "rehearsal.promotion", "--report", str(file), *options]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=3600)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert "All as expected" in text
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.fixture(scope="session")
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of `make rehearsal ENFORCE=1`: all steps under policies. Where a selected test reads them, the deploy
    role's other tasks too.
    """
    file = tmp_path_factory.mktemp("rehearsal") / "report.json"
    whole = any("whole" in getattr(item, "fixturenames", ()) for item in request.session.items)
    return rehearse(file, "--enforce", *(() if whole else ("--releases-only",)))


@pytest.fixture(scope="session")
def whole(ran: Ran) -> Ran:
    """The run with the deploy role's other tasks in it."""
    return ran
