"""However a rehearsal ends, none of its processes keeps running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.environment.supervisor import descendants, process_table


def names(pids: list[int]) -> dict[int, str]:
    found = {}
    for pid in pids:
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except FileNotFoundError:
            continue
    return found


@pytest.mark.parametrize(
    "sign",
    [
        signal.SIGKILL,  # nothing of its own can run then
        pytest.param(signal.SIGINT, marks=pytest.mark.faults),
        pytest.param(signal.SIGTERM, marks=pytest.mark.faults),
    ],
)
def test_an_ended_rehearsal_leaves_no_process(sign: signal.Signals, tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "rehearsal", "--report", str(tmp_path / "report.json")]
    with (tmp_path / "log").open("wb") as log:
        rehearsal = subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=log, stderr=log)
    running: dict[int, str] = {}
    deadline = time.monotonic() + 600
    # As deep as it gets: the cloud's workers, the CLI, its language host, the program, the release's provider.
    while not all(
        any(part in name for name in running.values()) for part in ("local.cloud", "pulumi up", "infra/release")
    ):
        assert rehearsal.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline, running
        running = names(descendants(rehearsal.pid, process_table()))
        time.sleep(0.05)
    rehearsal.send_signal(sign)
    code = rehearsal.wait(300)
    assert code == {signal.SIGKILL: -signal.SIGKILL}.get(sign, 130)
    deadline = time.monotonic() + 120
    while left := {pid: name for pid, name in running.items() if process_table().get(pid) is not None}:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert not (tmp_path / "report.json").exists()
    if sign is not signal.SIGKILL:
        assert list(tmp_path.glob("strata-*")) == []
