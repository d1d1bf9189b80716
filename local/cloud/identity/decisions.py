"""The record of IAM's decisions while policies were enforced: equal decisions once, with their number."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from local.cloud.identity.policies import Caller, Decision, Question, Statement

CAPACITY = 50_000
"""The number of different decisions that are kept; after that only known decisions are counted."""


class _Entry(NamedTuple):
    caller: str
    action: str
    resource: str
    allowed: bool
    by: tuple[tuple[str, str], ...]
    why: str


class Decisions:
    """The decisions: who called what, and which statements decided. Safe to write from any thread."""

    def __init__(self) -> None:
        self._made: dict[_Entry, int] = {}

    def add(self, caller: Caller, question: Question, decision: Decision) -> None:
        """Record one decision."""
        by = tuple(_name(statement) for statement in decision.by)
        who = caller.role or caller.arn
        entry = _Entry(who, question.action, question.resource, decision.allowed, by, decision.why)
        if entry in self._made or len(self._made) < CAPACITY:
            self._made[entry] = self._made.get(entry, 0) + 1

    def read(self) -> list[dict[str, Any]]:
        """Return the decisions in JSON's form, in the order in which each was first made."""
        return list(self._read())

    def clear(self) -> None:
        """Clear the record."""
        self._made.clear()

    def _read(self) -> Iterator[dict[str, Any]]:
        for entry, count in list(self._made.items()):
            by = [{"policy": policy, "sid": sid} for policy, sid in entry.by]
            yield {**entry._asdict(), "by": by, "count": count}


def _name(statement: Statement) -> tuple[str, str]:
    return statement.policy, statement.sid


DECISIONS = Decisions()
