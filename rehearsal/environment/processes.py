"""Starts the programs of a rehearsal, each under a supervisor, so that none outlives the rehearsal however it ends.

A supervisor (`supervisor.py`) reads from a pipe whose other end this process holds. When this process is gone, even by
`kill -9`, the pipe closes, and the supervisor ends its program and all descendants. No process is found by its name.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rehearsal.environment.supervisor import descendants, process_table

SUPERVISOR = Path(__file__).resolve().with_name("supervisor.py")


class ProgramError(Exception):
    """A program did not start, or ended too soon; the message ends with the last lines of its output."""


class Program:
    """A running program and its descendants; `stop`, or leaving the `with` block, ends them all.

    The program has `grace` seconds after SIGTERM. Its output goes to `log`; without a log, the caller reads it with
    `lines`.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        grace: float = 3.0,
        log: Path | None = None,
    ) -> None:
        self.name = " ".join(map(str, command))
        self.grace = grace
        self.log = log
        output = log.open("wb") if log else subprocess.PIPE
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), str(grace), *map(str, command)],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C at a terminal reaches this process only, which ends the program
            )
        finally:
            if not isinstance(output, int):
                output.close()

    @property
    def pid(self) -> int:
        """Return the supervisor's process id."""
        return self._supervisor.pid

    @property
    def exit_code(self) -> int | None:
        """Return the program's exit code; None while it runs."""
        return self._supervisor.poll()

    def lines(self, on_line: Callable[[str], None]) -> int:
        """Call `on_line` with each line of output as it comes, until the program ends; return its exit code.

        Raises ValueError if the output goes to a log.
        """
        if self._supervisor.stdout is None:
            raise ValueError(f"the output of `{self.name}` goes to {self.log}")
        for line in self._supervisor.stdout:
            on_line(line.decode(errors="replace").rstrip())
        return self._supervisor.wait()

    def ready(self, file: Path, seconds: float = 300.0) -> dict[str, Any]:
        """Wait for the JSON object that the program writes to `file` once it serves, and return it.

        Raises ProgramError if the program ends before, or has not written it after `seconds`: so many that a busy
        machine has started it.
        """
        deadline = time.monotonic() + seconds
        while not file.exists():
            if self.exit_code is not None:
                raise ProgramError(f"`{self.name}` ended with exit code {self.exit_code}:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise ProgramError(f"`{self.name}` was not up within {seconds:g} seconds:\n{self.last_words()}")
            time.sleep(0.02)
        answer: dict[str, Any] = json.loads(file.read_text())
        return answer

    def last_words(self, count: int = 20) -> str:
        """Return the last `count` lines of the program's log."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def kill(self) -> None:
        """Send SIGKILL to all descendants of the supervisor, parents first, so that none has time to react: as if the
        machine lost its power."""
        for process in descendants(self.pid, process_table()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """End the program and its descendants; return when all are gone."""
        if self._supervisor.stdin is not None:
            with suppress(BrokenPipeError):
                self._supervisor.stdin.close()
        try:
            self._supervisor.wait(self.grace + 10)
        except subprocess.TimeoutExpired:
            self._supervisor.send_signal(signal.SIGKILL)
            self._supervisor.wait()
        if self._supervisor.stdout is not None:
            self._supervisor.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def end_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
