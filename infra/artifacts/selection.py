"""What `pulumi up` takes instead of building: the bundles of a manifest, found in the artifact bucket by digest.

The environment says so, by STRATA_MANIFEST, and no configuration does: a stack's file is of a commit, so it cannot know
what that commit was built to, and the same file serves a laptop, which builds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.artifacts.manifest import HOOKS, Manifest, ManifestError, read
from infra.bundle import Platform, handler_of, hook_handler
from infra.bundle.model import digest as digest_of
from infra.commit import DIRTY, UNKNOWN, Checkout, checkout
from infra.naming import HOOKS as HOOK_NAMES

if TYPE_CHECKING:
    from infra.artifacts.store import Stored

VARIABLE = "STRATA_MANIFEST"
PLAN = "STRATA_PLAN"  # "true": a preview that no `up` follows, so what it names need not be in the bucket yet
NOT_YET = "not there yet"
INPUTS = "app"  # the folder that everything in a bundle is from
FEWEST = 7  # digits by which git abbreviates a commit


@dataclass(frozen=True)
class Artifact:
    """A zip in the artifact bucket, for one function: what `infra.bundle.Bundle` is for a zip on disk."""

    stored: Stored
    handler: str
    digest: str

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Lambda reads that version of the object. By the digest a preview shows that the bytes are others, also where
        they were edited in AWS's console: unlike source_code_hash, a refresh reads it back.

        https://www.pulumi.com/registry/packages/aws/api-docs/lambda/function/#code_sha256_python
        """
        return {
            "s3_bucket": self.stored.bucket,
            "s3_key": self.stored.key,
            "s3_object_version": self.stored.version,
            "code_sha256": self.digest,
        }


@dataclass(frozen=True)
class Taken:
    """A manifest that fits this checkout, and where it lies. `planned`: its bundles need not be in the bucket."""

    file: Path
    manifest: Manifest
    planned: bool = False

    def find(
        self, services: Sequence[str], bucket: str, region: str
    ) -> tuple[dict[str, Artifact], dict[str, Artifact]]:
        """The services' bundles and the hooks', by name. Raises ManifestError where the bucket must hold them and does
        not, or holds other bytes."""
        from infra.artifacts.store import Artifacts, Stored, bundle_key  # noqa: PLC0415 - who builds needs no boto3
        from infra.release.engine.cloud import AwsError  # noqa: PLC0415 - the same

        artifacts, found, mistakes = Artifacts(bucket, region), dict[str, Stored](), list[str]()
        for name, entry in self.manifest.functions.items():
            try:
                stored = artifacts.find(entry.digest)
            except AwsError as problem:
                mistakes.append(f"{name}: {problem}")
                continue
            if stored is None and self.planned:
                found[name] = Stored(bucket, bundle_key(entry.digest), NOT_YET)
            elif stored is None:
                mistakes.append(
                    f"{name} is {entry.digest}, but the bucket {bucket} has no such bundle; build it and put it there: "
                    "`make bundle`, `make keep STACK=...`"
                )
            else:
                found[name] = stored
        if mistakes:
            raise ManifestError(self.file, mistakes)
        hooks = {hook: self._artifact(HOOKS, found, hook_handler(hook)) for hook in HOOK_NAMES}
        return {service: self._artifact(service, found, handler_of(service)) for service in services}, hooks

    def _artifact(self, name: str, found: Mapping[str, Stored], handler: str) -> Artifact:
        return Artifact(found[name], handler, self.manifest.functions[name].digest)


def chosen(
    environment: Mapping[str, str], repository: Path, platform: Platform, commit: str, *, preview: bool
) -> Taken | None:
    """The manifest that STRATA_MANIFEST names, relative to the repository; None where it names none.

    `commit`: what the release will be said to be made of. `preview`: nothing is changed now. Raises ManifestError with
    every reason for which the manifest is not of this checkout or not for this platform, or for which a zip beside it
    is not what was built.
    """
    given = environment.get(VARIABLE, "").strip()
    if not given:
        return None
    file = repository / given
    manifest = read(file)
    mistakes = [
        *strangers(manifest, commit, checkout(repository, INPUTS)),
        *_platform(manifest, platform),
        *altered(manifest, file.parent),
    ]
    if mistakes:
        raise ManifestError(file, mistakes)
    return Taken(file, manifest, planned=preview and environment.get(PLAN) == "true")


def strangers(manifest: Manifest, commit: str, checked_out: Checkout | None) -> Iterator[str]:
    """Why the manifest is not of this checkout. `commit` is what the release will say, perhaps abbreviated."""
    own = manifest.commit.removesuffix(DIRTY)
    if manifest.commit != own:
        yield (
            f"it is of {own} with changes that are in no commit, so nobody could build it again; commit them and run "
            "`make bundle`"
        )
    said = commit.removesuffix(DIRTY) if checked_out is None or checked_out.commit == own else checked_out.commit
    if said == UNKNOWN:
        yield f"it is of commit {own}, but nobody says which commit is here; check it out by git, or set STRATA_COMMIT"
    elif not (len(said) >= FEWEST and own.startswith(said)):
        yield f"it is of commit {own}, but the release would be of {said}; check out {own}, or take {said}'s manifest"
    if checked_out is not None and checked_out.changed:
        changed = ", ".join(checked_out.changed)
        yield (
            f"it knows nothing of what is here and not in the commit ({changed}); commit and run `make bundle`, or "
            f"unset {VARIABLE} to release what is here"
        )


def altered(manifest: Manifest, folder: Path) -> Iterator[str]:
    """The zips beside the manifest whose bytes are not those that were built."""
    for name, entry in manifest.functions.items():
        file = folder / f"{name}.zip"
        if file.exists() and (held := digest_of(file.read_bytes())) != entry.digest:
            yield (
                f"{name} is {entry.digest}, but {file} has the digest {held}: it was altered after the build; run "
                "`make bundle` again, and find out who did"
            )


def _platform(manifest: Manifest, platform: Platform) -> Iterator[str]:
    if manifest.platform != platform:
        yield (
            f"it is for {manifest.platform}, but strata:compute has {platform}; give the stack that runtime and "
            "architecture, or commit the other and run `make bundle`"
        )
