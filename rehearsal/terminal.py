"""A program on a pseudo-terminal, as a person sees it: for the tests of screens, and for their pictures.

https://docs.python.org/3/library/pty.html
"""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rehearsal.environment.processes import ProgramError

FRAME = "\x1b[H"
"""The code by which each picture of a full screen begins: the cursor goes to the first place of it (ECMA-48, CUP)."""
LONGEST = 300.0  # seconds for what never comes


class TerminalError(ProgramError):
    """The program did not show what was waited for; the message has the last that it showed."""


class Terminal:
    """A running program, and all that it has written."""

    def __init__(self, pid: int, keyboard: int) -> None:
        self.pid, self.keyboard = pid, keyboard
        self.code: int | None = None
        self._raw = b""

    @property
    def text(self) -> str:
        """All that was written."""
        return self._raw.decode(errors="replace").replace("\r\n", "\n")

    @property
    def frame(self) -> str:
        """The picture that a full screen shows now."""
        return self.text.rpartition(FRAME)[2]

    def type(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def wait(self, seen: Callable[[str], bool] = lambda _: False) -> str:
        """Read until the picture is as it should be, or the program has ended; return the picture.

        Raises TerminalError if neither happens.
        """
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            if self._read() and not seen(self.frame):
                continue
            return self.frame
        raise TerminalError(f"after {LONGEST:.0f} s the terminal shows: {self.frame}")

    def settings(self) -> list[object]:
        """The terminal's modes."""
        return termios.tcgetattr(self.keyboard)

    def _read(self) -> bool:
        """Read what is there; False once the program has ended."""
        if self.code is not None:
            return False
        ready, _, _ = select.select([self.keyboard], [], [], 0.1)
        try:
            read = os.read(self.keyboard, 1 << 16) if ready else None
        except OSError:  # Linux says so when the other side is closed
            read = b""
        if read:
            self._raw += read
        elif read == b"":
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code is None


@contextmanager
def terminal(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], columns: int = 80, lines: int = 24
) -> Iterator[Terminal]:
    """Run a program on a terminal of that size until the block ends."""
    pid, keyboard = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve(command[0], list(command), dict(env))  # noqa: S606 - no shell is wanted
    fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    found = Terminal(pid, keyboard)
    try:
        yield found
    finally:
        if found.code is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(keyboard)
