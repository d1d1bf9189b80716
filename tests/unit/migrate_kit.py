"""A migration's two states, lock and journal in memory: what `mover.Sides` asks of the real tools."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from infra.migrate.checks import OPERATION
from infra.migrate.model import (
    Journal,
    Lock,
    MigrationError,
    PreviewStep,
    PulumiResource,
    Resource,
    Seen,
    TerraformState,
    Thing,
)
from infra.source import Source

TABLE = "aws:dynamodb/table:Table"
KEY = "data/terraform.tfstate"


class KilledError(BaseException):
    """The process was killed; BaseException, since nothing may catch it."""


def table(name: str, **attributes: Any) -> Resource:
    """Return a table in a Terraform state."""
    arn = f"arn:aws:dynamodb:eu-central-1:333333333333:table/{name}"
    return Resource(
        f"aws_dynamodb_table.{name}",
        "aws_dynamodb_table",
        {"name": name, "arn": arn, **attributes},
        Thing(TABLE, name),
    )


def urn(thing: Thing) -> str:
    return f"urn:pulumi:prod::strata::{thing.token}::{thing.import_id}"


@dataclass
class Process:
    """The process that moves. `kill` ends it at that many effects; what runs next is another one."""

    kill: int = -1
    number: int = 1

    def tick(self) -> None:
        self.kill -= 1
        if self.kill == 0:
            self.number += 1
            raise KilledError


@dataclass
class FakeSides:
    """Both tools. The program declares every table of `declared`, those of the layers beside this one among them."""

    wanted: Source
    terraform: dict[str, Resource]
    declared: frozenset[Thing]
    pulumi: dict[Thing, PulumiResource] = field(default_factory=dict)
    serial: int = 1
    lock: Lock | None = None
    journal: Journal | None = None
    backups: dict[str, dict[str, Resource]] = field(default_factory=dict)
    others: dict[str, TerraformState] = field(default_factory=dict)
    protected: set[Thing] = field(default_factory=set)
    process: Process = field(default_factory=Process)
    layer: str = "data"
    companions: frozenset[str] = frozenset()
    lock_of_another: Lock | None = None  # taken just before this process takes it
    extra: tuple[PreviewStep, ...] = ()  # steps that every preview has beside its own
    _ids: Any = field(default_factory=count)

    @property
    def holder(self) -> str:
        return f"process-{self.process.number}"

    @property
    def kill(self) -> int:
        return self.process.kill

    @kill.setter
    def kill(self, effects: int) -> None:
        self.process.kill = effects

    @property
    def key(self) -> str:
        return f"{self.layer}/terraform.tfstate"

    def resources(self) -> tuple[PulumiResource, ...]:
        return tuple(self.pulumi.values())

    def seen(self, resources: tuple[PulumiResource, ...] | None = None) -> Seen:
        state = TerraformState("lineage", self.serial, tuple(self.terraform.values()), frozenset({"table_name"}))
        resources = self.resources() if resources is None else resources
        return Seen(
            stack="prod",
            layer=self.layer,
            wanted=self.wanted,
            key=self.key,
            terraform=state,
            pulumi=resources,
            lock=self.lock,
            journal=self.journal,
            others=self.others,
            companions=self.companions,
        )

    def _tick(self) -> None:
        self.process.tick()

    def take_lock(self, info: str) -> None:
        self._tick()
        if self.lock_of_another:
            self.lock = self.lock_of_another
            raise MigrationError("it was locked a moment ago by another")
        assert self.lock is None
        self.lock = Lock(f"id-{next(self._ids)}", OPERATION, info, "ann@desk", "2026-11-30", self.holder)
        self._tick()

    def take_over(self, lock: Lock) -> None:
        self._tick()
        assert self.lock == lock
        self.lock = replace(lock, holder=self.holder)
        self._tick()

    def give_lock_back(self, lock: Lock) -> None:
        self._tick()
        assert self.lock == lock
        self.lock = None
        self._tick()

    def back_up(self, name: str) -> str:
        self._tick()
        self.backups[name] = dict(self.terraform)
        self._tick()
        return name

    def write_journal(self, journal: Journal) -> None:
        self._tick()
        self.journal = journal
        self._tick()

    def preview(self, *, drops: bool = False) -> Sequence[PreviewStep]:
        steps = list(self.extra)
        if self.wanted is Source.LEGACY:
            if self.protected & set(self.pulumi) and not drops:
                raise MigrationError("a resource is protected, so it cannot be deleted")
            return [*steps, *(PreviewStep("delete", each) for each in self.pulumi.values())]
        for thing in sorted(self.declared - set(self.pulumi)):
            op = "import" if self.wanted is Source.ADOPTED else "create"
            steps.append(PreviewStep(op, PulumiResource(urn(thing), thing.token), thing.import_id))
        return steps

    def up(self) -> None:
        if self.wanted is Source.LEGACY:
            for thing in sorted(self.pulumi):
                self._tick()
                assert thing not in self.protected
                assert self.pulumi[thing].retain, "AWS would delete it"
                del self.pulumi[thing]
            self._tick()
            return
        for thing in sorted(self.declared):
            self._tick()
            retain = self.wanted is Source.ADOPTED
            self.pulumi[thing] = PulumiResource(urn(thing), thing.token, thing.import_id, retain=retain)
            self.protected.add(thing)
        self._tick()

    def unprotect(self, urns: Sequence[str]) -> None:
        self._tick()
        self.protected -= {thing for thing in self.pulumi if urn(thing) in urns}
        self._tick()

    def forget(self, addresses: Sequence[str]) -> None:
        self._tick()
        for each in addresses:
            del self.terraform[each]
        self.serial += 1
        self._tick()

    def restore(self, backup: str, addresses: Sequence[str]) -> None:
        self._tick()
        for each in addresses:
            self.terraform.setdefault(each, self.backups[backup][each])
        self.serial += 1
        self._tick()


def legacy(*names: str, wanted: Source = Source.ADOPTED) -> FakeSides:
    """Return a layer of these tables, which Terraform owns."""
    tables = [table(name) for name in names]
    things = frozenset(each.thing for each in tables if each.thing)
    return FakeSides(wanted, {each.address: each for each in tables}, things)


def unit(**names: list[str]) -> list[FakeSides]:
    """Return layers that move together, each with tables of its own, which Terraform owns."""
    alone = {layer: legacy(*found) for layer, found in names.items()}
    declared = frozenset(thing for each in alone.values() for thing in each.declared)
    first = next(iter(alone.values()))
    for layer, each in alone.items():
        each.layer, each.companions, each.declared = layer, frozenset(alone) - {layer}, declared
        each.pulumi, each.protected, each.process = first.pulumi, first.protected, first.process
    return [*alone.values()]


def with_attributes(sides: FakeSides, name: str, **attributes: Any) -> None:
    """Change a table's attributes in Terraform's state."""
    address = f"aws_dynamodb_table.{name}"
    one = sides.terraform[address]
    sides.terraform[address] = replace(one, attributes={**one.attributes, **attributes})
