"""Programs that a rehearsal starts: each under a keeper, so that none outlives it however it ends.

A keeper (`keeper.py`) holds the other end of a pipe of ours. When this process is gone, even by `kill -9`, the pipe
closes and the keeper ends its program and everything below it. Nothing is ever looked up by name.
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

KEEPER = Path(__file__).resolve().with_name("supervisor.py")


class ProgramError(Exception):
    """A program that did not start, or ended too soon; the message ends with its last words."""


class Program:
    """A running program and everything that it starts; `stop` (or leaving the `with`) ends them all.

    `grace` is how many seconds it has after SIGTERM. Its output goes to `log`, or line by line to whoever iterates
    `lines()` where there is no log.
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
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), str(grace), *map(str, command)],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C at a terminal reaches us alone, and we end it in order
            )
        finally:
            if not isinstance(output, int):
                output.close()

    @property
    def pid(self) -> int:
        """The keeper's process id."""
        return self._keeper.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._keeper.poll()

    def lines(self, heed: Callable[[str], None]) -> int:
        """Hand each line of output to `heed` as it comes, until the program ends; its exit code."""
        if self._keeper.stdout is None:
            raise ValueError(f"the output of `{self.name}` goes to {self.log}")
        for line in self._keeper.stdout:
            heed(line.decode(errors="replace").rstrip())
        return self._keeper.wait()

    def ready(self, file: Path, seconds: float = 30.0) -> dict[str, Any]:
        """The JSON object that the program writes to `file` once it serves. Raises ProgramError where it does not."""
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
        """The last lines of its log."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def kill(self) -> None:
        """End everything below the keeper by SIGKILL, parents first, so that nothing has time to see another end: as
        when a machine loses its power."""
        for process in descendants(self.pid, process_table()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """End the program and everything below it; returns when all are gone."""
        if self._keeper.stdin is not None:
            with suppress(BrokenPipeError):
                self._keeper.stdin.close()
        try:
            self._keeper.wait(self.grace + 10)
        except subprocess.TimeoutExpired:
            self._keeper.send_signal(signal.SIGKILL)
            self._keeper.wait()
        if self._keeper.stdout is not None:
            self._keeper.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def end_on_sigterm() -> None:
    """Turn SIGTERM into the same orderly end as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
