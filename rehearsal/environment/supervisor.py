"""Runs one program, and ends it and its descendants no later than the process that started this one.

    python -I -S supervisor.py GRACE COMMAND...

Standard input is a pipe whose other end the caller holds. When it closes, for whatever reason (on purpose, by Ctrl-C,
by `kill -9` of the caller), or on SIGTERM, the program gets SIGTERM and, after GRACE seconds, SIGKILL; so do its
descendants, which are found by process id: on Linux this process adopts orphans (PR_SET_CHILD_SUBREAPER).
The exit code is the program's, or 128 + the signal that ended it. Standard library only: it starts in 15 ms.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

# linux/prctl.h, see prctl(2)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINGER = 1.0  # seconds for descendants to end by themselves after the program has ended


def descendants(root: int, parents: Mapping[int, int]) -> list[int]:
    """Return the ids of all descendants of `root`, parents before children, given each process's parent."""
    found = [root]
    for parent in found:
        found.extend(sorted(child for child, its in parents.items() if its == parent))
    return found[1:]


def process_table() -> dict[int, int]:
    """Return process id -> parent's id of all processes that are not zombies."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        rows = [line.split() for line in listed.stdout.splitlines()]
        return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}
    table = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state != "Z":
                table[int(entry.parent.name)] = int(parent)
    return table


def prctl(option: int, value: int) -> None:
    """Call prctl(2) if this is Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait until `done`; return False if it is not true after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def end_descendants(grace: float) -> None:
    """Wait `grace` seconds for all descendants to end, then send SIGKILL again and again until none is left."""

    def none_left() -> bool:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # reap orphans that this process has adopted
                pass
        return not descendants(os.getpid(), process_table())

    while not wait_until(none_left, grace):
        for process in descendants(os.getpid(), process_table()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        grace = 0.2


def keep(grace: float, command: list[str]) -> int:
    """Run `command` until it ends, standard input closes or SIGTERM comes; return its exit code."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked_to_stop = False

    def stop(*_: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    prctl(PR_SET_CHILD_SUBREAPER, 1)

    supervisor = os.getpid()

    def at_birth() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # it was gone before the line above
            os._exit(128 + signal.SIGKILL)

    try:
        # PLW1509: no thread runs here, so code between fork and exec is safe
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=at_birth)  # noqa: PLW1509
    except OSError as problem:
        sys.stderr.write(f"cannot start {command[0]}: {problem.strerror}\n")
        return 127
    while child.poll() is None and not asked_to_stop:
        ready, _, _ = select.select([sys.stdin.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 4096):
            asked_to_stop = True
    if child.poll() is None:
        child.terminate()
        wait_until(lambda: child.poll() is not None, grace)
        end_descendants(0.0)
    else:
        end_descendants(LINGER)
    code = -signal.SIGKILL if child.returncode is None else child.returncode
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(keep(float(sys.argv[1]), sys.argv[2:]))
