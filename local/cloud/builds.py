"""Runs the builds of CodeBuild: each is a session of processes on this machine, with the credentials of its role alone.

The phases run one after another in one shell; a command that fails ends them.
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

_PHASES = ("install", "pre_build", "build", "post_build")
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Job:
    """What a build runs: its id, the commands, and its variables. `line` gets each line of its output."""

    id: str
    commands: Sequence[str]
    variables: Mapping[str, str]
    line: Callable[[str], None]


@dataclass
class Builds:
    """The builds at work. `tools`: a folder of commands that stand in for those of CodeBuild's image, before PATH's."""

    root: Path = field(default_factory=Path)
    endpoint: str = ""
    tools: Path | None = None
    _running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, job: Job) -> str:
        """Run a build to its end, and return its status as CodeBuild names it."""
        folder = self.root / job.id.rpartition(":")[2]
        for each in (folder / "src", folder / "home"):
            each.mkdir(parents=True)
        path = f"{self.tools}:{_PATH}" if self.tools else _PATH
        fixed = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "CODEBUILD_BUILD_ID": job.id,
            "CODEBUILD_SRC_DIR": str(folder / "src"),
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "PATH": path,
            "TMPDIR": str(folder),
        }
        with self._lock:
            if job.id in self._stopped:
                return "STOPPED"
            process = subprocess.Popen(
                ["sh", "-e", "-c", "\n".join(job.commands)],
                cwd=folder / "src",
                env={**job.variables, **fixed},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running[job.id] = process
        for line in process.stdout or ():
            job.line(line.rstrip("\n"))
        code = process.wait()
        with self._lock:
            del self._running[job.id]
        if job.id in self._stopped:
            return "STOPPED"
        return "FAILED" if code else "SUCCEEDED"

    def stop(self, id_: str) -> None:
        """End a build with all of its processes, as CodeBuild ends its container."""
        with self._lock:
            self._stopped.add(id_)
            if (process := self._running.get(id_)) is not None:
                for each in {process.pid, *_session(process.pid)}:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(each, signal.SIGKILL)

    def close(self) -> None:
        """End all builds."""
        for id_ in list(self._running):
            self.stop(id_)


def _session(leader: int) -> Iterator[int]:
    """Yield the processes of a session, whatever their groups, as Linux shows them in /proc."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
            if int(file.read_text().rpartition(")")[2].split()[3]) == leader:
                yield int(file.parent.name)


def commands(buildspec: str) -> list[str]:
    """Return the commands of a buildspec, in the order in which they run. Raises ValueError."""
    try:
        phases = yaml.safe_load(buildspec)["phases"]
        found = [command for phase in _PHASES for command in (phases.get(phase) or {}).get("commands") or ()]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"YAML_FILE_ERROR: {error!r}") from None
    if not found or not all(isinstance(command, str) for command in found):
        raise ValueError("YAML_FILE_ERROR: phases must hold commands, each a text")
    return found


def variables(project: Mapping[str, Any], override: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the variables of a build by name: the project's, and those that StartBuild gives in their place.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
    """
    given = [*(project.get("environment") or {}).get("environmentVariables", ()), *override]
    return {each["name"]: each["value"] for each in given}


BUILDS = Builds()
