"""The record of what was decided while policies were enforced: equal decisions once, with how often."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from local.cloud.identity.policies import Caller, Decision, Question, Statement

CAPACITY = 50_000
"""Different decisions that are kept; later ones only count those that are known."""


class _Entry(NamedTuple):
    caller: str
    action: str
    resource: str
    allowed: bool
    by: tuple[tuple[str, str], ...]
    why: str


class Decisions:
    """Who asked for what, and which statements said so. It may be written from any thread."""

    def __init__(self) -> None:
        self._made: dict[_Entry, int] = {}

    def add(self, caller: Caller, question: Question, decision: Decision) -> None:
        """Note one decision."""
        by = tuple(_name(statement) for statement in decision.by)
        who = caller.role or caller.arn
        entry = _Entry(who, question.action, question.resource, decision.allowed, by, decision.why)
        if entry in self._made or len(self._made) < CAPACITY:
            self._made[entry] = self._made.get(entry, 0) + 1

    def read(self) -> list[dict[str, Any]]:
        """The decisions as JSON shows them, in the order in which each was first made."""
        return list(self._read())

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()

    def _read(self) -> Iterator[dict[str, Any]]:
        for entry, count in list(self._made.items()):
            by = [{"policy": policy, "sid": sid} for policy, sid in entry.by]
            yield {**entry._asdict(), "by": by, "count": count}


def _name(statement: Statement) -> tuple[str, str]:
    return statement.policy, statement.sid


DECISIONS = Decisions()
