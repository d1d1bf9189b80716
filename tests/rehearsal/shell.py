"""A person's shell that has entered `make sandbox` by the lines that it prints, and in which commands are typed."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal.environment.sandbox import REPOSITORY
from tests.rehearsal.stage import FACTOR

PATIENCE = 600  # seconds until a command is given up, however slow the machine


class Shell:
    """A shell with the printed lines, and with a HOME and accounts of its own."""

    def __init__(self, printed: str, home: Path) -> None:
        self.printed = printed
        self.env = {"PATH": os.defpath, "HOME": str(home), "AWS_PROFILE": "work", "PULUMI_ACCESS_TOKEN": "pul-mine"}

    def types(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a line to its end; return its exit code, standard output and standard error."""
        return subprocess.run(
            self._bash(command), env=self.env, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    def starts(self, command: str) -> subprocess.Popen[str]:
        """Start a line that runs beside the next ones."""
        return subprocess.Popen(
            self._bash(command), env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _bash(self, command: str) -> list[str]:
        return ["bash", "-c", f"{self.printed}\n{command}"]


@contextmanager
def opened(home: Path, factor: float = FACTOR, repository: Path = REPOSITORY) -> Iterator[Shell]:
    """Run the command of `make sandbox` in `repository` while the block runs, and end it by Ctrl-C."""
    command = [sys.executable, "-m", "rehearsal", "sandbox", "--factor", f"{factor:g}"]
    env = {**os.environ, "HOME": str(home)}
    program = subprocess.Popen(
        command, cwd=repository, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert program.stdout is not None
    printed = []
    for line in program.stdout:
        if not line.startswith(("cd ", "unset ", "export ")):
            break
        printed.append(line)
    assert printed, line
    reader = threading.Thread(target=program.stdout.read)
    reader.start()
    try:
        yield Shell("".join(printed), home)
    finally:
        program.send_signal(signal.SIGINT)
        program.wait(60)
        reader.join()
        program.stdout.close()
