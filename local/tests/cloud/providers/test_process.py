"""The process that serves the stand-in providers: how it starts, and that it never outlives the process that started
it."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.tests.cloud.conftest import PYTHON, ROOT, Cloud, until
from local.tests.cloud.providers.conftest import Engine, environment, launch


def runs(pid: int) -> bool:
    """Return True if a process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def started(folder: Path, env: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    process = launch(folder, env, *options)
    try:
        assert until((folder / "ready.json").exists)
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_says_how_to_attach_and_writes_the_same_to_its_file(cloud: Cloud, tmp_path: Path) -> None:
    with started(tmp_path, environment(cloud)) as process:
        ready = json.loads((tmp_path / "ready.json").read_text())
        said = (tmp_path / "log.txt").read_text()
        assert ready["pid"] == process.pid
        assert said == f"export PULUMI_DEBUG_PROVIDERS={ready['PULUMI_DEBUG_PROVIDERS']}\n"
        assert re.fullmatch(r"aws:\d+,terraform:\d+", ready["PULUMI_DEBUG_PROVIDERS"])
        engine = Engine(ready["PULUMI_DEBUG_PROVIDERS"])
        engine.configure()
        engine.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quietly_on_a_signal(cloud: Cloud, tmp_path: Path, number: int) -> None:
    with started(tmp_path, environment(cloud)) as process:
        process.send_signal(number)
        assert process.wait(timeout=600) == 0
        assert (tmp_path / "log.txt").read_text().count("\n") == 1


def test_it_ends_with_the_process_that_is_named_as_its_parent(cloud: Cloud, tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with parent, started(tmp_path, environment(cloud), "--parent", str(parent.pid)) as process:
        time.sleep(1.2)  # longer than it takes to notice
        assert process.poll() is None
        parent.kill()
        parent.wait()
        assert process.wait(timeout=600) == 0


def test_it_ends_with_a_starter_that_is_killed(cloud: Cloud, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [str(PYTHON), "-m", "local.providers", "--ready-file", str(ready)]
    starter = textwrap.dedent(
        f"""
        import subprocess, time
        subprocess.Popen({command!r})
        time.sleep(60)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", starter], cwd=ROOT, env=environment(cloud), stdout=subprocess.DEVNULL
    )
    try:
        assert until(ready.exists)
        pid = json.loads(ready.read_text())["pid"]
        assert runs(pid)
    finally:
        process.kill()
        process.wait()
    assert until(lambda: not runs(pid), seconds=120)


@pytest.mark.parametrize("endpoint", [None, "https://lambda.eu-central-1.amazonaws.com"])
def test_it_refuses_an_endpoint_that_is_missing_or_off_loopback(tmp_path: Path, endpoint: str | None) -> None:
    env = environment(None, **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {}))
    process = launch(tmp_path, env, "--parent", str(os.getpid()))
    assert process.wait(timeout=600) == 1
    message = (tmp_path / "log.txt").read_text()
    assert message.startswith(f"local.providers: AWS_ENDPOINT_URL is {repr(endpoint) if endpoint else 'not set'}, but")
    assert "loopback" in message
