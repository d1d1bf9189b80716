"""Read and cancel the lock that a `pulumi` command holds on a stack. Only a backend in a folder or bucket has it.

Only the CLI knows the lock. `pulumi stack rename` of a stack to its own name takes the lock and then always fails,
since a stack of that name exists; if another process holds the lock, the error names that process. Pulumi Cloud has no
such lock: it ends an update whose process is gone.
https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from dataclasses import dataclass

from infra.release.model.spec import ReleaseError

_HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<at>\S+)")


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock, as Pulumi names it. `at` is ISO 8601."""

    user: str
    host: str
    pid: int
    at: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}) since {self.at}"


def holders(said: str) -> list[Holder]:
    """Return the holders that the CLI's error output names."""
    return [Holder(user, host, int(pid), at) for user, host, pid, at in _HOLDER.findall(said)]


def is_lost(holder: Holder) -> bool | None:
    """Return whether the process that holds a lock is gone; None if it is on another machine or `ps` is missing."""
    if holder.host != socket.gethostname():
        return None
    try:
        said = subprocess.run(
            ["ps", "-p", str(holder.pid), "-o", "stat=", "-o", "comm="], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    state, _, name = said.stdout.strip().partition(" ")
    # The pid may have been reused. A zombie has ended: in a container no parent may ask for its exit code.
    return "pulumi" not in name or state.startswith("Z")


def held(stack: str) -> list[Holder]:
    """Return the holders of the stack's lock; an empty list if the backend has no locks."""
    try:
        where = json.loads(_pulumi("whoami", "--json").stdout).get("url", "")
    except (ValueError, AttributeError):
        return []
    if not where or where.startswith(("http://", "https://")):
        return []
    return holders(_pulumi("stack", "rename", stack, "--stack", stack).stderr)


def cancel(stack: str) -> None:
    """Delete the lock by `pulumi cancel`. Raises ReleaseError."""
    done = _pulumi("cancel", "--yes", "--stack", stack)
    if done.returncode:
        raise ReleaseError(f"`pulumi cancel --stack {stack}` failed: {' '.join(done.stderr.split())}; run it yourself")


def _pulumi(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["pulumi", *arguments, "--non-interactive"], capture_output=True, text=True, check=False)
