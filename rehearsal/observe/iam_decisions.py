"""Reads IAM's decisions from the local cloud's record: the caller, the action, and the statement that allowed it."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rehearsal.files import put
from rehearsal.observe import control

EXCHANGE = "sts:AssumeRoleWithWebIdentity"


@dataclass(frozen=True)
class Decision:
    """Equal decisions and their number. `caller`: a role's ARN, an issuer's ARN, or a service's name; `by`: each
    statement that would be enough to allow it, as (policy, Sid)."""

    caller: str
    action: str
    resource: str
    allowed: bool
    by: tuple[tuple[str, str], ...]
    why: str
    count: int

    @property
    def role(self) -> str:
        """Return the name of the role that called, or that a token was exchanged for; empty if it was neither."""
        arn = self.resource if self.action == EXCHANGE else self.caller
        return arn.rpartition("/")[2] if ":role/" in arn else ""


def made(endpoint: str) -> tuple[Decision, ...]:
    """Return all decisions since the local cloud started, except for its administrator, whom no policy limits."""
    return tuple(
        Decision(**{**one, "by": tuple((each["policy"], each["sid"]) for each in one["by"])})
        for one in control.read(endpoint, "decisions")["decisions"]
        if not one["caller"].endswith(":root")
    )


def calls(decisions: Iterable[Decision]) -> dict[str, dict[str, int]]:
    """Return, by role, the allowed actions and how often each was called, most frequent first."""
    found: dict[str, Counter[str]] = {}
    for one in decisions:
        if one.role and one.allowed:
            found.setdefault(one.role, Counter())[one.action] += one.count
    return {role: dict(counts.most_common()) for role, counts in sorted(found.items())}


def denied(decisions: Iterable[Decision]) -> list[str]:
    """Return the denied calls, one line each."""
    return [
        f"{one.role or one.caller} was denied {one.action} on {one.resource} {one.count} times, {one.why}"
        for one in decisions
        if not one.allowed
    ]


def write(decisions: Iterable[Decision], file: Path) -> None:
    """Write the decisions to a file, whole or not at all."""
    put([asdict(one) for one in decisions], file, indent=1)


def read(file: Path) -> tuple[Decision, ...]:
    """Read a file that `write` has written."""
    found = json.loads(file.read_text())
    return tuple(Decision(**{**one, "by": tuple((policy, sid) for policy, sid in one["by"])}) for one in found)


def idle(granted: Iterable[tuple[str, str]], decisions: Iterable[Decision]) -> list[tuple[str, str]]:
    """Return the granted statements, as (policy, Sid), without which every call would still have been allowed."""
    alone = {one.by[0] for one in decisions if one.allowed and len(one.by) == 1}
    return [each for each in granted if each not in alone]
