"""The loop of a move: look at both states, decide the next step, do it, look again.

It remembers nothing that a killed one would miss: what it has to know is in the states, the lock and the journal.
Layers that share one source move together: each step is done for all of them before the next one is, and they share
the preview and `pulumi up`, since one program declares them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from infra.console import RefusedError
from infra.migrate import checks
from infra.migrate.model import Direction, Journal, Lock, MigrationError, Moved, PreviewStep, PulumiResource, Seen
from infra.migrate.steps import MEANINGS, ORDER, Step, going, next_step, present
from infra.source import Source

GROWING = frozenset({"compute", "delivery", "identity", "observability"})
"""Layers whose program may declare more than Terraform had once they are managed: services and hooks, and policies."""


class Sides(Protocol):
    """Both tools and a layer's bucket. Each call either has happened or has not, wherever a process is killed."""

    def resources(self) -> tuple[PulumiResource, ...]:
        """Return the stack's resources, which are the same for every layer."""
        ...

    @property
    def holder(self) -> str:
        """Return the name of this process, which no other has."""
        ...

    def seen(self, resources: tuple[PulumiResource, ...]) -> Seen: ...
    def take_lock(self, info: str) -> None: ...
    def take_over(self, lock: Lock) -> None: ...
    def give_lock_back(self, lock: Lock) -> None: ...
    def back_up(self, name: str) -> str:
        """Copy both states under `name`; return the key of Terraform's."""
        ...

    def write_journal(self, journal: Journal) -> None: ...
    def preview(self, *, drops: bool = False) -> Sequence[PreviewStep]:
        """Preview an update. `drops`: one that takes protected resources out of Pulumi's state."""
        ...

    def up(self) -> None: ...
    def unprotect(self, urns: Sequence[str]) -> None: ...
    def forget(self, addresses: Sequence[str]) -> None: ...
    def restore(self, backup: str, addresses: Sequence[str]) -> None: ...


@dataclass
class Done:
    """The steps that a run took, and what its `pulumi up` did in AWS, by operation."""

    steps: list[Step] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    imported: Counter[str] = field(default_factory=Counter)  # by layer


class Layer(NamedTuple):
    """A layer, and what was seen of it."""

    sides: Sides
    seen: Seen


def observe(members: Sequence[Sides]) -> list[Layer]:
    """Read everything of the layers that move together."""
    resources = members[0].resources()
    return [Layer(each, each.seen(resources)) for each in members]


def run(
    members: Sequence[Sides],
    direction: Direction,
    report: Callable[[str], None],
    *,
    resume: bool = False,
    serials: Mapping[str, int] | None = None,
) -> Done:
    """Move layers that share a source to the one that the stack's file names.

    `serials`: those of Terraform's states when the move was planned, by layer. Raises RefusedError; then nothing more
    was done.
    """
    done, begun = Done(), False
    while True:
        layers = observe(members)
        _refuse(layers, _forbidden(layers, direction, resume=resume and not begun, serials={} if begun else serials))
        if left := [each for each in layers if checks.running(each.seen) and not _holds(each)]:
            _take_over(left)
            begun = True
            continue
        begun = True
        due = {each.seen.layer: step for each in layers if (step := next_step(each.seen))}
        if not due:
            return done
        step = min(due.values(), key=ORDER.index)
        report(f"{step}: {MEANINGS[step].does}")
        _DO[step](layers, [each for each in layers if due.get(each.seen.layer) is step], done)
        done.steps.append(step)


def _holds(layer: Layer) -> bool:
    """Whether this process holds the layer's lock."""
    return layer.seen.lock is not None and layer.seen.lock.holder == layer.sides.holder


def _take_over(layers: Sequence[Layer]) -> None:
    """Take the locks of a process that has ended. One that has not finds another's name in them, and stops."""
    for sides, seen in layers:
        assert seen.lock is not None  # noqa: S101 - a move that runs has a lock
        sides.take_over(seen.lock)


def _forbidden(
    layers: Sequence[Layer], direction: Direction, *, resume: bool, serials: Mapping[str, int] | None
) -> Sequence[str]:
    found = list[str]()
    for layer in layers:
        seen = layer.seen
        way_in = seen.wanted is Source.MANAGED or (seen.wanted is Source.ADOPTED and present(seen) is Source.LEGACY)
        if way_in if direction is Direction.BACK else seen.wanted is Source.LEGACY:
            other = "move" if direction is Direction.BACK else "back"
            return [
                f"the stack's file says {seen.wanted} for {seen.layer}, which is the way of `{other}`; set another "
                f"source in {seen.file}, or run `{other} {seen.layer}`"
            ]
        serial = (serials or {}).get(seen.layer)
        found += checks.states(seen, going(seen), resume=resume or _holds(layer), serial=serial)
        if seen.wanted is Source.MANAGED and seen.terraform.resources:
            found.append(
                f"{seen.layer} is still in Terraform's state, and a managed layer is not imported; set "
                f"`source: adopted` in {seen.file} first"
            )
    return found


def _refuse(layers: Sequence[Layer], found: Sequence[str]) -> None:
    if found:
        names = [each.seen.layer for each in layers]
        verb = "does" if len(names) == 1 else "do"
        raise RefusedError(f"{', '.join(names)} {verb} not move: {'; '.join(dict.fromkeys(found))}")


def _lock(_: Sequence[Layer], due: Sequence[Layer], __: Done) -> None:
    """Take each lock. If one is taken by another meanwhile, those of this step are given back."""
    taken = list[Layer]()
    for layer in due:
        sides, seen = layer
        command = "back" if going(seen) is Direction.BACK else "move"
        resumed = f"python -m infra.migrate {command} {seen.layer} --stack {seen.stack} --resume"
        try:
            sides.take_lock(f"{checks.about(seen.stack, seen.layer)}moves; if its process has ended: {resumed}")
        except MigrationError:
            for each in observe([one.sides for one in taken]) if taken else ():
                if each.seen.lock and _holds(each):
                    each.sides.give_lock_back(each.seen.lock)
            raise
        taken.append(layer)


def _record(layers: Sequence[Layer], due: Sequence[Layer], _: Done) -> None:
    """Back both states up and write the journal, once the preview is good. What moved before stays in the journal."""
    way = going(due[0].seen)
    moved = {} if way is Direction.BACK else _judged(layers)
    for sides, seen in due:
        lock, before = seen.lock, seen.journal
        assert lock is not None  # noqa: S101 - the step is taken under the lock alone
        if way is Direction.BACK:
            assert before is not None  # noqa: S101 - without a journal there is nothing to take back
            sides.back_up(_backup(lock, seen))
            sides.write_journal(replace(before, direction=way, lock=lock.id, over=False))
            continue
        key = sides.back_up(_backup(lock, seen))
        planned = (*_kept(seen), *(replace(each, backup=key) for each in moved[seen.layer]))
        state = seen.terraform
        sides.write_journal(Journal(seen.stack, seen.layer, way, lock.id, state.lineage, state.serial, planned))


def _backup(lock: Lock, seen: Seen) -> str:
    """Name a backup by the state's serial too: a move that goes back and forth under one lock must not write a state
    without the resources over the backup that has them."""
    return f"{lock.id}-{going(seen)}-{seen.terraform.serial}"


def _kept(seen: Seen) -> list[Moved]:
    """Return what the journal has moved, and Pulumi has."""
    return [each for each in seen.journal.moved if each.urn in seen.urns] if seen.journal else []


def _judged(layers: Sequence[Layer]) -> dict[str, list[Moved]]:
    """Return by layer what the preview would import beside what was; refuse unless it imports that and no more.

    A refused move that has imported nothing gives the locks back: Terraform owns the layers as before.
    """
    there = {each.thing for _, seen in layers for each in _kept(seen)}
    wanted = {seen.layer: [each for each in seen.terraform.resources if each.thing not in there] for _, seen in layers}
    try:
        steps = layers[0].sides.preview()
        moved, refused = checks.imports(steps, [each for found in wanted.values() for each in found])
    except MigrationError as problem:  # the program's own error, or a protected resource that it would replace
        moved, refused = [], [str(problem)]
    if refused and not there:
        for sides, seen in layers:
            if seen.journal and not seen.journal.over:
                sides.write_journal(replace(seen.journal, direction=Direction.BACK, over=True))
            if seen.lock and checks.running(seen):
                sides.give_lock_back(seen.lock)
    _refuse(layers, refused)
    things = {layer: {each.thing for each in found} for layer, found in wanted.items()}
    return {layer: [each for each in moved if each.thing in found] for layer, found in things.items()}


def _import(layers: Sequence[Layer], _: Sequence[Layer], done: Done) -> None:
    moved = _judged(layers)
    layers[0].sides.up()
    done.imported.update({layer: len(found) for layer, found in moved.items()})
    done.counts.update({"import": sum(map(len, moved.values()))})


def _forget(_: Sequence[Layer], due: Sequence[Layer], __: Done) -> None:
    for sides, seen in due:
        sides.forget([each.address for each in seen.terraform.of(_journal(seen).things)])


def _restore(_: Sequence[Layer], due: Sequence[Layer], __: Done) -> None:
    for sides, seen in due:
        moved = _journal(seen).moved
        for backup in sorted({each.backup for each in moved}):
            sides.restore(backup, [each.address for each in moved if each.backup == backup])


def _drop(layers: Sequence[Layer], _: Sequence[Layer], done: Done) -> None:
    """Drop the resources of all layers from Pulumi's state, which forgets no protected one.

    They are unprotected only once the preview is judged, and no others are: so `pulumi up` cannot drop what the preview
    did not show.
    """
    own, tools = _own(layers), layers[0].sides
    steps = tools.preview(drops=True)
    _refuse(layers, checks.drops(steps, own))
    tools.unprotect(sorted(own & layers[0].seen.urns))
    tools.up()
    done.counts.update(checks.counts(steps, own))


def _unlock(_: Sequence[Layer], due: Sequence[Layer], __: Done) -> None:
    for sides, seen in due:
        if seen.journal and not seen.journal.over:
            sides.write_journal(replace(seen.journal, over=True))
        assert seen.lock is not None  # noqa: S101 - the step gives back a lock that was seen
        sides.give_lock_back(seen.lock)


def _update(layers: Sequence[Layer], _: Sequence[Layer], done: Done) -> None:
    own, tools = _own(layers), layers[0].sides
    steps = tools.preview()
    grows = layers[0].seen.wanted is Source.MANAGED and any(each.seen.layer in GROWING for each in layers)
    _refuse(layers, checks.updates(steps, own, grows=grows))
    tools.up()
    done.counts.update(checks.counts(steps, own))


def _own(layers: Iterable[Layer]) -> frozenset[str]:
    return frozenset(each.urn for _, seen in layers if seen.journal for each in seen.journal.moved)


def _journal(seen: Seen) -> Journal:
    assert seen.journal is not None  # noqa: S101 - `next_step` asks for the journal first
    return seen.journal


_DO: Mapping[Step, Callable[[Sequence[Layer], Sequence[Layer], Done], None]] = {
    Step.LOCK: _lock,
    Step.RECORD: _record,
    Step.IMPORT: _import,
    Step.FORGET: _forget,
    Step.RESTORE: _restore,
    Step.DROP: _drop,
    Step.UNLOCK: _unlock,
    Step.UPDATE: _update,
}
"""What each step does, given all layers and those of which it is the next step."""
