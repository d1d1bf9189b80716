"""Programs end no later than the process that started them, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.environment.processes import Program, ProgramError
from rehearsal.environment.supervisor import descendants

# A program with a child in a session of its own, whose parent then is gone, and a worker that ignores SIGTERM.
FAMILY = """
import os, signal, subprocess, sys, time
from pathlib import Path
notes = Path(sys.argv[1])
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
worker = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True)
worker.stdout.readline()
daemon = f"import subprocess, sys; print(subprocess.Popen(['sleep', '60'], stdout=2, start_new_session=True).pid)"
orphan = subprocess.run([sys.executable, "-c", daemon], stdout=subprocess.PIPE, text=True).stdout.strip()
(notes / "pids.tmp").write_text(f'{{"pids": [{os.getpid()}, {worker.pid}, {orphan}]}}')
(notes / "pids.tmp").rename(notes / "pids")
print("settled", flush=True)
time.sleep(float(sys.argv[2]))
"""

ASKER = """
import os, sys, time
from pathlib import Path
from rehearsal.environment.processes import Program
command = [sys.executable, "-c", sys.argv[1], sys.argv[2], "60"]
with Program(command, env=os.environ, cwd=Path.cwd(), grace=0.2) as program:
    program.ready(Path(sys.argv[2]) / "pids")
    print(program.pid, flush=True)
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Return True if the process runs: it is neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def all_gone(pids: list[int], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def family(notes: Path, seconds: float = 60) -> Program:
    return Program([sys.executable, "-c", FAMILY, str(notes), str(seconds)], env=os.environ, cwd=notes, grace=0.2)


def test_stopping_a_program_ends_its_worker_and_its_daemon(tmp_path: Path) -> None:
    with family(tmp_path) as program:
        pids = program.ready(tmp_path / "pids")["pids"]
        assert all(map(alive, pids))
    assert not any(map(alive, [*pids, program.pid]))


def test_a_program_that_ends_by_itself_leaves_nothing_behind(tmp_path: Path) -> None:
    with family(tmp_path, seconds=0) as program:
        said: list[str] = []
        assert program.lines(said.append) == 0
        assert said == ["settled"]
        pids = program.ready(tmp_path / "pids")["pids"]
        assert not any(map(alive, pids))


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_program_outlives_the_process_that_started_it(tmp_path: Path, sign: signal.Signals) -> None:
    command = [sys.executable, "-c", ASKER, FAMILY, str(tmp_path)]
    asker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert asker.stdout is not None
    supervisor = int(asker.stdout.readline())
    pids = json.loads((tmp_path / "pids").read_text())["pids"]
    assert all(map(alive, [supervisor, *pids]))
    asker.send_signal(sign)
    asker.wait()
    asker.stdout.close()
    assert all_gone([supervisor, *pids])


def test_a_killed_supervisor_ends_its_program(tmp_path: Path) -> None:
    with Program(["sleep", "60"], env=os.environ, cwd=tmp_path) as program:
        deadline = time.monotonic() + 120
        while not (children := Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()):
            assert time.monotonic() < deadline
        os.kill(program.pid, signal.SIGKILL)
        assert all_gone([int(child) for child in children])


def test_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    with Program(["sh", "-c", "echo so; exit 7"], env=os.environ, cwd=tmp_path) as program:
        assert program.lines(lambda _: None) == 7
    with Program(["sh", "-c", "kill -TERM $$"], env=os.environ, cwd=tmp_path) as program:
        assert program.lines(lambda _: None) == 128 + signal.SIGTERM


def test_a_program_that_ends_before_it_serves_is_reported_with_its_last_words(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo the port 1 is taken; exit 1"]
    with (
        Program(command, env=os.environ, cwd=tmp_path, log=tmp_path / "log") as program,
        pytest.raises(ProgramError, match=r"exit code 1:\nthe port 1 is taken"),
    ):
        program.ready(tmp_path / "never")


def test_a_program_that_never_serves_is_reported_after_the_time_out(tmp_path: Path) -> None:
    with (
        Program(["sleep", "60"], env=os.environ, cwd=tmp_path, log=tmp_path / "log") as program,
        pytest.raises(ProgramError, match=r"not up within 0\.1 seconds"),
    ):
        program.ready(tmp_path / "never", seconds=0.1)


def test_a_program_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with Program(["/no/such/program"], env=os.environ, cwd=tmp_path) as program:
        said: list[str] = []
        assert program.lines(said.append) == 127
    assert said == ["cannot start /no/such/program: No such file or directory"]


def test_descendants_are_found_through_generations() -> None:
    assert descendants(1, {2: 1, 3: 2, 4: 3, 5: 9, 6: 2}) == [2, 3, 6, 4]
