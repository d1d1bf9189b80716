"""Runs the unit tests against mutants, in copies of the project: the checked-out files are only read."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import TypeVar

from rehearsal.environment.workspace import share_installed
from tests.mutants.parts import Mutant, difference

WORKERS = 2
LONGER = 5
"""How many times as long as without a mutant a file of tests may take, beside `Copy.least`."""
UNCHANGED_SECONDS = 300.0  # of processor time for a file of tests without a mutant
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class RunError(Exception):
    """The tests say nothing about a mutant: they fail without one, or pytest could not run them."""


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"  # a test failed, or the module could not be imported
    TIMED_OUT = "timed out"  # the tests took far longer than without it: killed, too
    SURVIVED = "survived"  # all tests passed


@dataclass(frozen=True)
class Result:
    """A mutant, its change in one line, and what became of it."""

    mutant: Mutant
    change: str
    fate: Fate


@dataclass(frozen=True)
class Copy:
    """A copy of the project, and a worker in it. `least`: seconds of processor time that any run may take."""

    folder: Path
    worker: "subprocess.Popen[str]"
    least: float = 5.0

    def run(self, file: str, seconds: float) -> tuple[int, float]:
        """pytest's exit code for a file of tests, or minus the signal that ended it, and the processor time used."""
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        line = ""
        with suppress(BrokenPipeError):
            self.worker.stdin.write(json.dumps({"file": file, "seconds": seconds}) + "\n")
            self.worker.stdin.flush()
            line = self.worker.stdout.readline()
        if not line:
            raise RunError("a worker has ended; what it says stands above")
        answer = json.loads(line)
        return answer["exit"], answer["seconds"]

    def judge(self, mutant: Mutant, tests: Iterable[str], seconds: Mapping[str, float]) -> Result:
        """Put the mutant in place, run its tests until some fail, and put the original back.

        `seconds`: the processor time of each file of tests without a mutant.
        """
        path = self.folder / mutant.file
        source, times = path.read_text(), path.stat()
        changed = mutant.applied(source)
        assert changed is not None
        path.write_text(changed)
        try:
            fates = (self._fate(file, self.least + LONGER * seconds[file]) for file in tests)
            fate = next((each for each in fates if each is not Fate.SURVIVED), Fate.SURVIVED)
        finally:
            path.write_text(source)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # so that its compiled file is valid again
        return Result(mutant, difference(source, changed), fate)

    def _fate(self, file: str, seconds: float) -> Fate:
        code, _ = self.run(file, seconds)
        if code in {4, 5}:
            raise RunError(f"pytest found no test to run in {file}")
        if code < 0:
            return Fate.TIMED_OUT
        return Fate.KILLED if code else Fate.SURVIVED


@contextmanager
def copies(root: Path) -> Iterator[list[Copy]]:
    """`WORKERS` copies of what git tracks or would track, with the changes that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="strata-mutants-")))
        yield [_copy(root, listed, scratch / str(number), stack) for number in range(WORKERS)]


def _copy(root: Path, listed: Iterable[str], folder: Path, stack: ExitStack) -> Copy:
    for name in listed:
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)  # some tests ask git which files are the project's
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    share_installed(root, folder)  # some tests look for it; none writes there
    compiled = [sys.executable, "-m", "compileall", "-q", "app", "infra", "local", "tests"]
    subprocess.run(compiled, cwd=folder, check=True)
    return Copy(folder, stack.enter_context(started(folder, os.environ)))


@contextmanager
def started(folder: Path, env: Mapping[str, str], stderr: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A worker in a folder, while it is needed."""
    # No compiled files: that of a module which is changed twice within a second would look valid.
    env = {**env, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "tests.mutants.worker"]
    pipe = subprocess.PIPE
    worker = subprocess.Popen(command, cwd=folder, env=env, stdin=pipe, stdout=pipe, stderr=stderr, text=True)
    try:
        yield worker
    finally:
        worker.kill()
        with suppress(BrokenPipeError):
            worker.communicate()


def unchanged(places: Sequence[Copy], files: Iterable[str]) -> dict[str, float]:
    """The seconds that each file of tests takes without a mutant. All of them must pass."""
    results = dict(over(places, sorted(files), lambda place, file: (file, place.run(file, UNCHANGED_SECONDS))))
    failing = [file for file, (code, _) in results.items() if code != 0]
    if failing:
        raise RunError(f"these fail in a copy of the project without any mutant: {', '.join(failing)}")
    return {file: seconds for file, (_, seconds) in results.items()}


def over(places: Sequence[Copy], items: Iterable[Item], work: Callable[[Copy, Item], Answer]) -> Iterator[Answer]:
    """What `work` answers for each item, in their order, with as many at a time as there are copies."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for place in places:
        free.put(place)

    def one(item: Item) -> Answer:
        place = free.get()
        try:
            return work(place, item)
        finally:
            free.put(place)

    with ThreadPoolExecutor(len(places)) as pool:
        yield from pool.map(one, items)
