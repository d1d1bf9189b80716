"""Runs pytest in a copy of the project, each time in a process of its own that has imported the libraries already.

    python -m tests.mutants.worker

It reads a line of JSON for each run, {"file": tests, "seconds": limit}, and answers with one, {"exit": code,
"seconds": used}. Seconds are of processor time, so that a busy machine fails no run. It imports none of the project's
modules: a run sees each file as it is on disk at that moment.
"""

import importlib
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

LIBRARIES = ("pytest", "hypothesis", "boto3", "pulumi", "yaml", "typer", "rich")
"""What most unit tests import, and what takes longer to import than most of them run."""
MEMORY = 4 << 30  # bytes that a run may map; an endless loop often collects something
WAIT = 30  # seconds of waiting for each of processor time that is allowed: for what sleeps for ever
ARGUMENTS = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "tests.mutants.profile")


def run(file: str, seconds: float) -> dict[str, float]:
    """pytest's exit code, or minus the signal that ended it, and the processor time that it took."""
    child = os.fork()
    if child == 0:
        _child(file, seconds)
    deadline = time.monotonic() + WAIT * seconds
    while True:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what the tests have started
    return {"exit": os.waitstatus_to_exitcode(status), "seconds": used.ru_utime + used.ru_stime}


def _child(file: str, seconds: float) -> None:
    """Never returns."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    limit = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    pytest = importlib.import_module("pytest")
    try:
        code = int(pytest.main([*ARGUMENTS, "--basetemp", f"{Path.cwd()}.tmp", file]))
    except BaseException:
        code = 3
    os._exit(code)


def main() -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
