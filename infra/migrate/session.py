"""The layers of one stack that move together: their source, both states and the tools that change them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from infra import config
from infra.config import StackConfig
from infra.config.cross_checks import SHARED
from infra.console import UsageError
from infra.identity import config as identity
from infra.identity.config import BootstrapConfig
from infra.migrate import backend, read
from infra.migrate.aws import Bucket
from infra.migrate.model import (
    Journal,
    Lock,
    MigrationError,
    PreviewStep,
    PulumiResource,
    Seen,
    TerraformState,
    program,
)
from infra.migrate.restore import restored
from infra.migrate.tools import Pulumi, Terraform
from infra.source import Source

NEVER_APPLIED = TerraformState("", 0)


@dataclass(frozen=True)
class Session:
    """A layer of a stack, opened by `open_unit`; it is `mover.Sides`."""

    stack: str
    layer: str
    folder: Path  # of all Terraform layers
    config: StackConfig | BootstrapConfig
    bucket: Bucket
    pulumi: Pulumi
    others: Mapping[str, TerraformState] = field(default_factory=dict)
    holder: str = field(default_factory=lambda: uuid4().hex)

    @cached_property
    def terraform(self) -> Terraform:
        return Terraform(self.folder / self.layer)

    @property
    def wanted(self) -> Source:
        """Return the layer's source in the stack's file; layers without one of their own share compute's."""
        shared = "compute" if self.layer in SHARED else self.layer
        found: Source = getattr(self.config, shared).source
        return found

    def resources(self) -> tuple[PulumiResource, ...]:
        return self.pulumi.resources()

    def seen(self, resources: tuple[PulumiResource, ...]) -> Seen:
        """Read Terraform's state, the lock and the journal. `resources` are those of the stack's state."""
        where = self.bucket.backend
        return Seen(
            stack=self.stack,
            layer=self.layer,
            wanted=self.wanted,
            key=where.state,
            terraform=read.terraform_state(self._state(), str(where), self.layer),
            pulumi=resources,
            lock=self.bucket.lock(),
            journal=self.bucket.journal(),
            others=self.others,
            companions=frozenset(together(self.layer)) - {self.layer},
        )

    def take_lock(self, info: str) -> None:
        self.bucket.take_lock(info, self.holder)

    def take_over(self, lock: Lock) -> None:
        self.bucket.take_over(lock, self.holder)

    def give_lock_back(self, lock: Lock) -> None:
        self.bucket.give_lock_back(lock)

    def back_up(self, name: str) -> str:
        key = self.bucket.backend.beside(f"{name}.tfstate")
        self.bucket.put(key, self._state())
        self.bucket.put(self.bucket.backend.beside(f"{name}.pulumi.json"), self.pulumi.export().encode())
        return key

    def write_journal(self, journal: Journal) -> None:
        self.bucket.write_journal(journal)

    def preview(self, *, drops: bool = False) -> Sequence[PreviewStep]:
        return self.pulumi.preview(drops=drops)

    def up(self) -> None:
        self.pulumi.up()

    def unprotect(self, urns: Sequence[str]) -> None:
        self.pulumi.unprotect(urns)

    def forget(self, addresses: Sequence[str]) -> None:
        self.terraform.forget(addresses)

    def restore(self, backup: str, addresses: Sequence[str]) -> None:
        if (kept := self.bucket.get(backup)) is None:
            raise MigrationError(
                f"the backup s3://{self.bucket.backend.bucket}/{backup} is gone; restore its version in the bucket"
            )
        self.terraform.push(restored(self._state(), kept, addresses))

    def _state(self) -> bytes:
        if (found := self.bucket.state()) is None:
            where, there = self.bucket.backend, ", ".join(self.bucket.workspaces())
            raise MigrationError(
                f"there is no Terraform state {where}: its workspace {where.workspace} was never applied; there is "
                f"{there or 'none'}; select one by `terraform -chdir={self.terraform.folder} workspace select`"
            )
        return found


@dataclass(frozen=True)
class Unit:
    """The layers that move together with the one that was asked for, that one among them."""

    asked: str
    members: tuple[Session, ...]

    @property
    def session(self) -> Session:
        """Return the layer that was asked for."""
        return next(each for each in self.members if each.layer == self.asked)

    @property
    def layers(self) -> list[str]:
        return [each.layer for each in self.members]


def together(layer: str) -> tuple[str, ...]:
    """Return the layers that have their source by the same setting as this one."""
    return SHARED if layer in SHARED else (layer,)


def open_unit(
    stack: str, layer: str, project: Path, folder: Path, report: Callable[[str], None], *, alone: bool = False
) -> Unit:
    """Open a layer and those that move together with it. Raises UsageError, MigrationError, ConfigError, or AwsError.

    The others may share a resource with it, or read its outputs, so all must be initialised; `alone`: they are left out
    where they are not, which `report` gets.
    """
    layers = sorted(each.parent.name for each in folder.glob("*/versions.tf"))
    if layer not in layers:
        raise UsageError(f"{layer!r} is no layer in {folder}: it has {', '.join(layers) or 'none'}; give one of these")
    names = [each for each in together(layer) if each in layers]
    backend.require_init([folder / each for each in names], stack, "and so the place of the state is unknown")
    rest = [each for each in layers if each not in names]
    if alone:
        missing = [each for each in rest if not backend.initialised(folder / each)]
        if missing:
            report(f"not compared with {', '.join(missing)}: Terraform is not initialised there")
        rest = [each for each in rest if each not in missing]
    else:
        why = f"whose states say whether they share a resource with {layer}, or read its outputs"
        backend.require_init([folder / each for each in rest], stack, why)
    folder_of_program = project / program(layer)
    settings = identity.of(folder_of_program, stack) if program(layer) else config.of(project, stack)
    workspace = os.environ.get("TF_WORKSPACE", "")
    where = {each: _backend(folder / each, workspace, stack) for each in (*names, *rest)}
    for each in names:
        require_same_state(settings, stack, each, where[each])
    states = {each: _state(found, each) for each, found in where.items()}
    pulumi = Pulumi(folder_of_program, stack, report)
    members = [
        Session(
            *(stack, each, folder, settings, Bucket(where[each]), pulumi),
            others={other: state for other, state in states.items() if other != each},
        )
        for each in names
    ]
    return Unit(layer, tuple(members))


def _backend(folder: Path, workspace: str, stack: str) -> backend.Backend:
    found = backend.of(folder, workspace)
    backend.require_own_bucket(folder, stack, found)
    return found


def _state(where: backend.Backend, layer: str) -> TerraformState:
    found = Bucket(where).state()
    return read.terraform_state(found, str(where), layer) if found is not None else NEVER_APPLIED


def require_same_state(settings: StackConfig | BootstrapConfig, stack: str, layer: str, where: backend.Backend) -> None:
    """Raise MigrationError if the program reads another state than the one that Terraform has."""
    legacy = getattr(getattr(settings, layer, None), "legacy", None)
    if legacy and (legacy.bucket, legacy.key, legacy.workspace) != (where.bucket, where.key, where.workspace):
        raise MigrationError(
            f"{settings.names.project}:{layer}.legacy of {stack} is s3://{legacy.bucket}/{legacy.key} (workspace "
            f"{legacy.workspace}), but Terraform is initialised for {where}; run `terraform init -reconfigure` with "
            "the stack's own backend"
        )
