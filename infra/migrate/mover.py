"""The loop of a move: look at both states, decide the next step, do it, look again.

It remembers nothing that a killed one would miss: what it has to know is in the states, the lock and the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from infra.console import RefusedError
from infra.migrate import checks
from infra.migrate.model import Direction, Journal, Lock, MigrationError, Moved, PreviewStep, Seen
from infra.migrate.steps import MEANINGS, Step, going, next_step, present
from infra.source import Source


class Sides(Protocol):
    """Both tools and the bucket. Each call either has happened or has not, wherever a process is killed."""

    def seen(self) -> Seen: ...
    def take_lock(self, info: str) -> None: ...
    def give_lock_back(self) -> None: ...
    def back_up(self, name: str) -> str:
        """Copy both states under `name`; return the key of Terraform's."""
        ...

    def write_journal(self, journal: Journal) -> None: ...
    def preview(self) -> Sequence[PreviewStep]: ...
    def up(self) -> None: ...
    def unprotect(self, urns: Sequence[str]) -> None: ...
    def forget(self, addresses: Sequence[str]) -> None: ...
    def restore(self, backup: str, addresses: Sequence[str]) -> None: ...


@dataclass
class Done:
    """The steps that a run took, and what its `pulumi up` did in AWS, by operation."""

    steps: list[Step] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def run(
    sides: Sides,
    direction: Direction,
    report: Callable[[str], None],
    *,
    resume: bool = False,
    serial: int | None = None,
) -> Done:
    """Move a layer to the source that the stack's file names. Raises RefusedError; then nothing more was done."""
    done = Done()
    while True:
        seen = sides.seen()
        _refuse(
            seen,
            list(_forbidden(seen, direction, resume=resume or bool(done.steps), serial=None if done.steps else serial)),
        )
        if (step := next_step(seen)) is None:
            return done
        report(f"{step}: {MEANINGS[step].does}")
        done.counts.update(_DO[step](sides, seen))
        done.steps.append(step)


def _forbidden(seen: Seen, direction: Direction, *, resume: bool, serial: int | None) -> Sequence[str]:
    way_in = seen.wanted is Source.MANAGED or (seen.wanted is Source.ADOPTED and present(seen) is Source.LEGACY)
    if way_in if direction is Direction.BACK else seen.wanted is Source.LEGACY:
        other = "move" if direction is Direction.BACK else "back"
        return [
            f"the stack's file says {seen.wanted} for {seen.layer}, which is the way of `{other}`; set another source "
            f"in Pulumi.{seen.stack}.yaml, or run `{other} {seen.layer}`"
        ]
    found = list(checks.states(seen, going(seen), resume=resume, serial=serial))
    if seen.wanted is Source.MANAGED and seen.terraform.resources:
        found.append(
            f"{seen.layer} is still in Terraform's state, and a managed layer is not imported; set "
            f"`source: adopted` in Pulumi.{seen.stack}.yaml first"
        )
    return found


def _refuse(seen: Seen, found: Sequence[str]) -> None:
    if found:
        raise RefusedError(f"{seen.layer} does not move: {'; '.join(found)}")


def _lock(sides: Sides, seen: Seen) -> Mapping[str, int]:
    command = "back" if going(seen) is Direction.BACK else "move"
    resumed = f"python -m infra.migrate {command} {seen.layer} --stack {seen.stack} --resume"
    sides.take_lock(f"{checks.about(seen.stack, seen.layer)}moves; if its process has ended: {resumed}")
    return {}


def _record(sides: Sides, seen: Seen) -> Mapping[str, int]:
    """Back both states up and write the journal, once the preview is good. What moved before stays in the journal."""
    lock, before, way = seen.lock, seen.journal, going(seen)
    assert lock is not None  # noqa: S101 - the step is taken under the lock alone
    if way is Direction.BACK:
        assert before is not None  # noqa: S101 - without a journal there is nothing to take back
        sides.back_up(_backup(lock, seen))
        sides.write_journal(replace(before, direction=way, lock=lock.id, over=False))
        return {}
    kept = [each for each in before.moved if each.urn in seen.urns] if before else []
    moved = _judged(sides, seen, kept)
    key = sides.back_up(_backup(lock, seen))
    planned = (*kept, *(replace(each, backup=key) for each in moved))
    state = seen.terraform
    sides.write_journal(Journal(seen.stack, seen.layer, way, lock.id, state.lineage, state.serial, planned))
    return {}


def _backup(lock: Lock, seen: Seen) -> str:
    """Name a backup by the state's serial too: a move that goes back and forth under one lock must not write a state
    without the resources over the backup that has them."""
    return f"{lock.id}-{going(seen)}-{seen.terraform.serial}"


def _judged(sides: Sides, seen: Seen, kept: Sequence[Moved]) -> list[Moved]:
    """Return what the preview would import beside what was; refuse unless it imports that and no more.

    A refused move that has imported nothing gives the lock back: Terraform owns the layer as before.
    """
    there = {each.thing for each in kept}
    try:
        steps = sides.preview()
        moved, refused = checks.imports(steps, [each for each in seen.terraform.resources if each.thing not in there])
    except MigrationError as problem:  # the program's own error, or a protected resource that it would replace
        moved, refused = [], [str(problem)]
    if refused and not there:
        if seen.journal and not seen.journal.over:
            sides.write_journal(replace(seen.journal, direction=Direction.BACK, over=True))
        sides.give_lock_back()
    _refuse(seen, refused)
    return moved


def _import(sides: Sides, seen: Seen) -> Mapping[str, int]:
    moved = _judged(sides, seen, [each for each in _journal(seen).moved if each.urn in seen.urns])
    sides.up()
    return {"import": len(moved)}


def _forget(sides: Sides, seen: Seen) -> Mapping[str, int]:
    sides.forget([each.address for each in seen.terraform.of(_journal(seen).things)])
    return {}


def _restore(sides: Sides, seen: Seen) -> Mapping[str, int]:
    moved = _journal(seen).moved
    for backup in sorted({each.backup for each in moved}):
        sides.restore(backup, [each.address for each in moved if each.backup == backup])
    return {}


def _drop(sides: Sides, seen: Seen) -> Mapping[str, int]:
    journal = _journal(seen)
    own = [each for each in seen.pulumi if each.urn in {one.urn for one in journal.moved}]
    sides.unprotect([each.urn for each in own])
    steps = sides.preview()
    _refuse(seen, checks.drops(steps, journal))
    sides.up()
    return checks.counts(steps)


def _unlock(sides: Sides, seen: Seen) -> Mapping[str, int]:
    if seen.journal and not seen.journal.over:
        sides.write_journal(replace(seen.journal, over=True))
    sides.give_lock_back()
    return {}


def _update(sides: Sides, seen: Seen) -> Mapping[str, int]:
    steps = sides.preview()
    _refuse(seen, checks.updates(steps, _journal(seen)))
    sides.up()
    return checks.counts(steps)


def _journal(seen: Seen) -> Journal:
    assert seen.journal is not None  # noqa: S101 - `next_step` asks for the journal first
    return seen.journal


_DO: Mapping[Step, Callable[[Sides, Seen], Mapping[str, int]]] = {
    Step.LOCK: _lock,
    Step.RECORD: _record,
    Step.IMPORT: _import,
    Step.FORGET: _forget,
    Step.RESTORE: _restore,
    Step.DROP: _drop,
    Step.UNLOCK: _unlock,
    Step.UPDATE: _update,
}
