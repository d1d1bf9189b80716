"""One layer of one stack: its source, both states and the tools that change them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from infra import config
from infra.config import StackConfig
from infra.console import UsageError
from infra.migrate import backend, read
from infra.migrate.aws import Bucket
from infra.migrate.model import Journal, MigrationError, PreviewStep, Seen, TerraformState
from infra.migrate.restore import restored
from infra.migrate.tools import Pulumi, Terraform
from infra.source import Source

NEVER_APPLIED = TerraformState("", 0)


@dataclass(frozen=True)
class Session:
    """A layer of a stack, opened by `open_session`; it is `mover.Sides`."""

    stack: str
    layer: str
    folder: Path  # of all Terraform layers
    config: StackConfig
    bucket: Bucket
    pulumi: Pulumi
    others: Mapping[str, TerraformState] = field(default_factory=dict)

    @cached_property
    def terraform(self) -> Terraform:
        return Terraform(self.folder / self.layer)

    @property
    def wanted(self) -> Source:
        """Return the layer's source in the stack's file; layers without one of their own share compute's."""
        section = getattr(self.config, self.layer, None)
        found: Source = getattr(section, "source", self.config.compute.source)
        return found

    def seen(self) -> Seen:
        """Read both states, the lock and the journal."""
        where = self.bucket.backend
        return Seen(
            stack=self.stack,
            layer=self.layer,
            wanted=self.wanted,
            key=where.state,
            terraform=read.terraform_state(self._state(), str(where)),
            pulumi=self.pulumi.resources(),
            lock=self.bucket.lock(),
            journal=self.bucket.journal(),
            others=self.others,
        )

    def take_lock(self, info: str) -> None:
        self.bucket.take_lock(info)

    def give_lock_back(self) -> None:
        self.bucket.give_lock_back()

    def back_up(self, name: str) -> str:
        key = self.bucket.backend.beside(f"{name}.tfstate")
        self.bucket.put(key, self._state())
        self.bucket.put(self.bucket.backend.beside(f"{name}.pulumi.json"), self.pulumi.export().encode())
        return key

    def write_journal(self, journal: Journal) -> None:
        self.bucket.write_journal(journal)

    def preview(self) -> Sequence[PreviewStep]:
        return self.pulumi.preview()

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


def open_session(stack: str, layer: str, project: Path, folder: Path, report: Callable[[str], None]) -> Session:
    """Open a layer. Raises UsageError, MigrationError, ConfigError, or AwsError."""
    layers = sorted(each.parent.name for each in folder.glob("*/versions.tf"))
    if layer not in layers:
        raise UsageError(f"{layer!r} is no layer in {folder}: it has {', '.join(layers) or 'none'}; give one of these")
    settings = config.of(project, stack)
    workspace = os.environ.get("TF_WORKSPACE", "")
    where = backend.of(folder / layer, workspace)
    require_same_state(settings, stack, layer, where)
    others = {each: _other(folder / each, workspace) for each in layers if each != layer}
    return Session(stack, layer, folder, settings, Bucket(where), Pulumi(project, stack, report), others)


def _other(folder: Path, workspace: str) -> TerraformState:
    """Return the state of another layer: it may share a resource, or read this one's outputs."""
    where = backend.of(folder, workspace)
    found = Bucket(where).state()
    return read.terraform_state(found, str(where)) if found is not None else NEVER_APPLIED


def require_same_state(settings: StackConfig, stack: str, layer: str, where: backend.Backend) -> None:
    """Raise MigrationError if the program reads another state than the one that Terraform has."""
    legacy = getattr(getattr(settings, layer, None), "legacy", None)
    if legacy and (legacy.bucket, legacy.key, legacy.workspace) != (where.bucket, where.key, where.workspace):
        raise MigrationError(
            f"strata:{layer}.legacy of {stack} is s3://{legacy.bucket}/{legacy.key} (workspace {legacy.workspace}), "
            f"but Terraform is initialised for {where}; run `terraform init -reconfigure` with the stack's own backend"
        )
