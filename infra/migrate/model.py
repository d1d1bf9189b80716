"""Frozen data of a move: both states, the lock, the journal, and what a preview would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from infra.source import Source


class MigrationError(Exception):
    """A state, a file or a tool's answer is not what a move can work with."""


PROGRAMS: Mapping[str, str] = {"identity": "bootstrap"}


def program(layer: str) -> str:
    """Return the folder of the Pulumi program that declares a layer, from the repository's root: "" for the root."""
    return PROGRAMS.get(layer, "")


class Thing(NamedTuple):
    """One resource of AWS as Pulumi names it for an import."""

    token: str
    import_id: str

    def __str__(self) -> str:
        return f"{self.token} {self.import_id}"


@dataclass(frozen=True)
class Resource:
    """One instance of a managed resource in a Terraform state. `thing` is None if its type has no home in Pulumi."""

    address: str
    type: str
    attributes: Mapping[str, Any]
    thing: Thing | None
    flaw: str = ""  # tainted, or deposed: Terraform means to replace or delete it


@dataclass(frozen=True)
class TerraformState:
    """A layer's Terraform state. `reads`: the keys of the states whose outputs it reads."""

    lineage: str
    serial: int
    resources: tuple[Resource, ...] = ()
    outputs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()

    def of(self, things: frozenset[Thing]) -> list[Resource]:
        """Return the resources that are among `things`."""
        return [each for each in self.resources if each.thing in things]


@dataclass(frozen=True)
class PulumiResource:
    """A resource in a stack's state. `custom` is False for a component, which is nothing in AWS."""

    urn: str
    token: str
    id: str = ""
    arn: str = ""
    custom: bool = True
    retain: bool = False


@dataclass(frozen=True)
class PreviewStep:
    """One step of `pulumi preview --json`. `inputs`: what the program declares, without what it ignores.

    An import in which the program differs from AWS is followed by an update, or a replace, of the same resource.
    `replaces`, `differs`: the properties of that.
    """

    op: str
    resource: PulumiResource
    import_id: str = ""
    differs: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thing(self) -> Thing:
        return Thing(self.resource.token, self.import_id)


@dataclass(frozen=True)
class Lock:
    """Terraform's lock file beside a state: `statemgr.LockInfo` of github.com/hashicorp/terraform.

    `holder` is the process of this tool that has it, a field that Terraform does not read; `tag` is the file's ETag.
    """

    id: str
    operation: str
    info: str = ""
    who: str = ""
    created: str = ""
    holder: str = ""
    tag: str = ""


class Direction(StrEnum):
    """Which way a move goes: `in` to Pulumi, or `back` to Terraform."""

    IN = "in"
    BACK = "back"


@dataclass(frozen=True)
class Moved:
    """A resource of a move: its address in Terraform, its URN in Pulumi, and the backup that has its attributes."""

    address: str
    thing: Thing
    urn: str
    backup: str = ""


@dataclass(frozen=True)
class Journal:
    """What a move has to know when it is resumed, or taken back; an object beside Terraform's state.

    `serial`: Terraform's state as it was planned. `over`: the move has ended, and its lock is to be given back.
    """

    stack: str
    layer: str
    direction: Direction
    lock: str
    lineage: str
    serial: int
    moved: tuple[Moved, ...]
    over: bool = False

    @property
    def things(self) -> frozenset[Thing]:
        return frozenset(each.thing for each in self.moved)


@dataclass(frozen=True)
class Seen:
    """All that a decision looks at. `others`: the Terraform states of the other layers, by layer.

    `wanted` is the layer's source in the stack's file. `companions` are those that have the same source by one setting,
    and so move together with it.
    """

    stack: str
    layer: str
    wanted: Source
    key: str  # of Terraform's state
    terraform: TerraformState
    pulumi: tuple[PulumiResource, ...] = ()
    lock: Lock | None = None
    journal: Journal | None = None
    others: Mapping[str, TerraformState] = field(default_factory=dict)
    companions: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """Return the stack's file, as an operator names it from the repository's root."""
        return str(Path(program(self.layer)) / f"Pulumi.{self.stack}.yaml")

    @property
    def urns(self) -> frozenset[str]:
        return frozenset(each.urn for each in self.pulumi)
