"""The lock that a `pulumi` command holds on a stack, where the backend is a folder or a bucket.

Pulumi is asked, and nothing else: `pulumi stack rename` of a stack to its own name takes the lock and is then always
refused, since a stack of that name exists; where somebody holds the lock, the refusal names the holder. Pulumi Cloud
has no such lock: it ends by itself an update whose process is gone.
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
    """Who holds a lock, as Pulumi tells it. `at` is ISO 8601."""

    user: str
    host: str
    pid: int
    at: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}) since {self.at}"


def holders(said: str) -> list[Holder]:
    """Those whom Pulumi's words name."""
    return [Holder(user, host, int(pid), at) for user, host, pid, at in _HOLDER.findall(said)]


def is_lost(holder: Holder) -> bool | None:
    """Whether the process that holds a lock is gone; None where it is another machine's, which this one cannot know."""
    if holder.host != socket.gethostname():
        return None
    try:
        named = subprocess.run(
            ["ps", "-p", str(holder.pid), "-o", "comm="], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return "pulumi" not in named.stdout  # a number may long be another process's


def held(stack: str) -> list[Holder]:
    """Who holds the stack's lock; nobody where the backend knows none."""
    try:
        where = json.loads(_pulumi("whoami", "--json").stdout).get("url", "")
    except (ValueError, AttributeError):
        return []
    if not where or where.startswith(("http://", "https://")):
        return []
    return holders(_pulumi("stack", "rename", stack, "--stack", stack).stderr)


def cancel(stack: str) -> None:
    """`pulumi cancel`: forget the lock. Raises ReleaseError."""
    done = _pulumi("cancel", "--yes", "--stack", stack)
    if done.returncode:
        raise ReleaseError(f"`pulumi cancel --stack {stack}` failed: {' '.join(done.stderr.split())}; run it yourself")


def _pulumi(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["pulumi", *arguments, "--non-interactive"], capture_output=True, text=True, check=False)
