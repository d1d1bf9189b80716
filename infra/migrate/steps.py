"""Which step a move takes next. Pure: it is read from both states, the lock and the journal, so that a move that was
killed goes on by being asked again.

In each step a resource is in at least one of the states, and in both only while Terraform's lock is held.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from infra.migrate.checks import running
from infra.migrate.model import Direction, Journal, PulumiResource, Seen
from infra.source import Source


class Step(StrEnum):
    """One step of a move."""

    LOCK = "lock"
    RECORD = "record"
    IMPORT = "import"
    FORGET = "forget"
    RESTORE = "restore"
    DROP = "drop"
    UNLOCK = "unlock"
    UPDATE = "update"


class Meaning(NamedTuple):
    """What a step does, and how an operator goes back from it."""

    does: str
    back: str


MEANINGS = {
    Step.LOCK: Meaning("takes Terraform's lock: a file beside the state, which keeps plan and apply out", "unlock"),
    Step.RECORD: Meaning("copies both states beside Terraform's, and writes the journal", "unlock"),
    Step.IMPORT: Meaning("previews, refuses any create, delete or replace, and imports by `pulumi up`", "back"),
    Step.FORGET: Meaning("takes the resources out of Terraform's state by `terraform state rm`", "back"),
    Step.RESTORE: Meaning("puts the resources back into Terraform's state by `terraform state push`", "move"),
    Step.DROP: Meaning("previews, refuses all but the retained resources, and drops them by `pulumi up`", "move"),
    Step.UNLOCK: Meaning("writes the end into the journal, and gives Terraform's lock back", "-"),
    Step.UPDATE: Meaning("previews, refuses all but updates in place of the layer's own, and runs `pulumi up`", "back"),
}


ORDER = (
    *(Step.LOCK, Step.RECORD, Step.IMPORT, Step.RESTORE),
    *(Step.FORGET, Step.DROP, Step.UNLOCK, Step.UPDATE),
)
"""Layers that move together take a step of this order only when none of them is at an earlier one."""


def present(seen: Seen) -> Source:
    """Return where the layer's resources are by the states; of an unfinished move, where it comes from.

    Adopted and managed look alike in the states: Pulumi's mark of a retained resource does.
    """
    if seen.terraform.resources and not (seen.journal and running(seen)):
        return Source.LEGACY
    journal = seen.journal
    if journal is None or journal.over is (journal.direction is Direction.BACK):
        return Source.LEGACY  # it has none, was taken back, or has not come in yet
    return Source.ADOPTED if all(each.retain for each in _own(seen, journal)) else Source.MANAGED


def _own(seen: Seen, journal: Journal) -> list[PulumiResource]:
    urns = {each.urn for each in journal.moved}
    return [each for each in seen.pulumi if each.urn in urns]


def going(seen: Seen) -> Direction:
    """Return the way to the wanted source: only a legacy layer goes back to Terraform."""
    return Direction.BACK if seen.wanted is Source.LEGACY else Direction.IN


def next_step(seen: Seen) -> Step | None:
    """Return the next step towards the wanted source, or None if all is done. A move begun is always unlocked."""
    if not running(seen):
        return _first(seen)
    if not (journal := _recorded(seen)):
        waiting = going(seen) is Direction.IN and seen.terraform.resources
        return Step.RECORD if seen.journal or waiting else Step.UNLOCK
    there = seen.terraform.of(journal.things)
    if journal.direction is Direction.IN:
        missing = not _in_pulumi(seen, journal, whole=True)
        return Step.IMPORT if missing else Step.FORGET if there else Step.UNLOCK
    missing = len(there) < len(journal.moved)
    return Step.RESTORE if missing else Step.DROP if _in_pulumi(seen, journal) else Step.UNLOCK


def _first(seen: Seen) -> Step | None:
    """Return the first step of a move, or the only one between adopted and managed."""
    journal = seen.journal
    if going(seen) is Direction.BACK:
        return Step.LOCK if journal and _in_pulumi(seen, journal) else None
    if seen.terraform.resources:
        return Step.LOCK
    retained = seen.wanted is Source.ADOPTED
    mixed = journal and any(each.retain is not retained for each in _own(seen, journal))
    return Step.UPDATE if mixed else None


def _recorded(seen: Seen) -> Journal | None:
    """Return the journal if it is of the lock that is held, and of this direction."""
    journal, lock = seen.journal, seen.lock
    return journal if journal and lock and journal.lock == lock.id and journal.direction is going(seen) else None


def _in_pulumi(seen: Seen, journal: Journal, *, whole: bool = False) -> bool:
    """Whether Pulumi's state has any of the moved resources, or all of them."""
    found = [each.urn in seen.urns for each in journal.moved]
    return all(found) if whole else any(found)


def plan(present: Source, wanted: Source) -> list[Step]:
    """Return the steps from one source to another, as `next_step` will take them."""
    into = [Step.LOCK, Step.RECORD, Step.IMPORT, Step.FORGET, Step.UNLOCK]
    back = [Step.LOCK, Step.RECORD, Step.RESTORE, Step.DROP, Step.UNLOCK]
    match present, wanted:
        case (Source.LEGACY, Source.ADOPTED):
            return into
        case (Source.LEGACY, Source.MANAGED):
            return [*into, Step.UPDATE]
        case (Source.ADOPTED, Source.LEGACY):
            return back
        case (Source.MANAGED, Source.LEGACY):
            return [Step.UPDATE, *back]
        case _ if present is wanted:
            return []
        case _:
            return [Step.UPDATE]
