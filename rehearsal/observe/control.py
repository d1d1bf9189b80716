"""Reads and sets the control plane of the local cloud, which is not part of AWS: docs/simulated.md."""

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from rehearsal.environment.workspace import require_loopback


def read(endpoint: str, path: str) -> Any:
    """Return what the local cloud answers at `/_strata/PATH`."""
    return _ask(endpoint, path)


def run_at(endpoint: str, factor: float) -> None:
    """Set the simulated seconds per real second of the local cloud."""
    _ask(endpoint, "settings", json.dumps({"factor": factor}).encode())


def _ask(endpoint: str, path: str, body: bytes | None = None) -> Any:
    require_loopback(endpoint)
    with urllib.request.urlopen(f"{endpoint}/_strata/{path}", data=body, timeout=120) as answer:  # noqa: S310  loopback
        return json.load(answer)


@dataclass(frozen=True)
class Lateness:
    """How late the local cloud is: `behind` the clock now, and how `late` it was with all that it has `done` since its
    start. Times are real seconds."""

    behind: float = 0.0
    done: int = 0
    late: float = 0.0

    def mean(self, before: "Lateness") -> float:
        """Return how late it was on average since `before`; how late it is now if it has done nothing since."""
        done = self.done - before.done
        return (self.late - before.late) / done if done else self.behind


def lateness(endpoint: str) -> Lateness:
    """Return how late the local cloud is with what is due."""
    return Lateness(**read(endpoint, "timeline"))


def catch_up(endpoint: str, behind: float, longest: float = 120.0) -> None:
    """Wait until the local cloud is at most that many seconds late, or for the longest time, in seconds."""
    until = time.monotonic() + longest
    while lateness(endpoint).behind > behind and time.monotonic() < until:
        time.sleep(0.2)
