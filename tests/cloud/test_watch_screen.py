"""`watch` on a real terminal, against the local cloud: it shows a canary, leaves by q, and aborts after a reason."""

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from infra.release.model.spec import ReleasePolicy
from local.tests.cloud.conftest import REGION, ROOT, Cloud, start_cloud, stop_cloud
from rehearsal.terminal import Terminal, terminal
from tests.cloud.test_release_engine import GOOD, World, live, world
from tests.cloud.test_release_operator import WHY
from tests.unit.states import release, stack

__all__ = ["live", "world"]  # fixtures

ALONE = ReleasePolicy(wait=False)


@contextmanager
def watching(world: World, folder: Path, version: str, **env: str) -> Iterator[Terminal]:
    inputs = {"region": REGION, "targets": [asdict(world.target(version))], "policy": asdict(ALONE)}
    program = f"#!{sys.executable}\nimport json\nprint(json.dumps({stack(release(inputs))!r}))\n"
    (folder / "pulumi").write_text(program)
    (folder / "pulumi").chmod(0o755)
    rate = {"STRATA_CLOCK_RATE": f"{world.cloud.factor:g}"}
    usual = {**os.environ, **rate, "PATH": f"{folder}:/usr/bin:/bin", "TERM": "xterm", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "infra.release", "watch", "--stack", "prod"]
    with terminal(command, cwd=ROOT, env={**usual, **env}) as found:
        yield found


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A slower one than other tests of releases have: a canary must outlast a person who types."""
    process, running = start_cloud(tmp_path_factory.mktemp("slow-cloud"), factor=3)
    yield running
    stop_cloud(process)


@pytest.fixture
def started(live: World) -> tuple[str, str]:
    """A version whose canary is about to begin, and its deployment."""
    version = live.functions.publish(GOOD.replace("VERSION", "2"))
    return version, str(live.release(version, ALONE).deployment_id)


def canary(frame: str) -> bool:
    """Whether the whole of a picture is there, with the canary in it."""
    return "min left" in frame and "Read at" in frame


def test_q_leaves_the_release_alone_and_the_terminal_as_it_was(
    live: World, started: tuple[str, str], tmp_path: Path
) -> None:
    version, deployment = started
    with watching(live, tmp_path, version) as screen:
        before = screen.settings()
        shown = screen.wait(canary)
        assert f"v{version}" in shown
        assert "q leaves, a aborts." in shown
        assert not _echoes(screen)
        screen.type("q")
        screen.wait()
        assert screen.code == 4
        assert f"{deployment} of orders goes on under CloudWatch's judgement" in _afterwards(screen)
        assert screen.settings() == before
    assert live.deployment(deployment)["status"] == "InProgress"


def test_a_aborts_after_a_reason_as_the_command_does(live: World, started: tuple[str, str], tmp_path: Path) -> None:
    with watching(live, tmp_path, started[0]) as screen:
        screen.wait(canary)
        screen.type("a")
        screen.wait(lambda frame: "Abort, why?" in frame)
        screen.type("100 %\n")
        screen.wait(lambda frame: "holds '%'" in frame)
        screen.type(f"\x15{WHY}\n")
        screen.wait()
        assert screen.code == 0
        assert "rolled back (operator)" in _afterwards(screen)
        assert WHY in _afterwards(screen)
    assert live.alias() == "1"


def test_a_terminal_without_colour_and_utf_8_shows_the_same(
    live: World, started: tuple[str, str], tmp_path: Path
) -> None:
    plain = {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    with watching(live, tmp_path, started[0], **plain) as screen:
        shown = screen.wait(canary)
        assert shown.isascii()
        assert "#." in shown
        assert "\x1b[3" not in shown, "a colour"
        screen.type("q")
        screen.wait()


def test_a_watcher_that_is_killed_gives_the_terminal_back(
    live: World, started: tuple[str, str], tmp_path: Path
) -> None:
    with watching(live, tmp_path, started[0]) as screen:
        before = screen.settings()
        screen.wait(lambda frame: "q leaves" in frame)
        os.kill(screen.pid, 15)
        screen.wait()
        assert screen.code == 128 + 15
        assert screen.settings() == before


def _afterwards(screen: Terminal) -> str:
    """What is on the terminal once the screen has gone."""
    return screen.text.rpartition("\x1b[?1049l")[2]


def _echoes(screen: Terminal) -> bool:
    modes = screen.settings()[3]
    return isinstance(modes, int) and bool(modes & termios.ECHO)
