"""Where STRATA_MANIFEST names a manifest, `pulumi up` deploys its bundles from the artifact bucket and builds none.

It is an environment variable and no configuration key: a stack's file is part of the commit, so it cannot name the
digests that the commit is built to, and the same file also serves a laptop, which builds for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.artifacts.manifest import HOOKS, Manifest, ManifestError, read
from infra.bundle import Platform, handler_of, hook_handler, services
from infra.bundle.model import digest as digest_of
from infra.bundle.services import code as service_code
from infra.git import DIRTY, UNKNOWN, Checkout, checkout
from infra.naming import HOOKS as HOOK_NAMES

if TYPE_CHECKING:
    from infra.artifacts.store import Stored

VARIABLE = "STRATA_MANIFEST"
PLAN = "STRATA_PLAN"  # "true": no `up` follows this preview, so its bundles need not be in the bucket yet
NOT_YET = "not there yet"
INPUTS = "app"  # the folder that all files of a bundle come from
FEWEST = 7  # digits that git shows of an abbreviated commit


@dataclass(frozen=True)
class Artifact:
    """A function's zip in the artifact bucket, as `infra.bundle.Bundle` is one on disk. `digest` is its CodeSha256."""

    stored: Stored
    handler: str
    digest: str

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the function resource's arguments: Lambda reads this version of the object.

        `code_sha256` lets a preview show that the deployed bytes differ, even if an operator edited them in AWS's
        console: a refresh reads it back, unlike source_code_hash.

        https://www.pulumi.com/registry/packages/aws/api-docs/lambda/function/#code_sha256_python
        """
        return {
            "s3_bucket": self.stored.bucket,
            "s3_key": self.stored.key,
            "s3_object_version": self.stored.version,
            "code_sha256": self.digest,
        }


@dataclass(frozen=True)
class SelectedManifest:
    """A manifest that fits this checkout, and its file. Where `planned`, its bundles need not be in the bucket yet."""

    repository: Path
    file: Path
    manifest: Manifest
    planned: bool = False

    def find(
        self, services: Sequence[str], bucket: str, region: str
    ) -> tuple[dict[str, Artifact], dict[str, Artifact]]:
        """Return the services' bundles and the hooks' bundles, each by name.

        Raises ManifestError with every bundle that the bucket lacks, unless `planned`, or holds with other bytes.
        """
        from infra.artifacts.store import Artifacts, Stored, bundle_key  # noqa: PLC0415 - a build needs no boto3
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
                    f"{name} is {entry.digest}, but the bucket {bucket} has no such bundle; build it and publish it: "
                    "`make bundle`, `make publish-bundle STACK=...`"
                )
            else:
                found[name] = stored
        if mistakes:
            raise ManifestError(self.file, mistakes)
        hooks = {hook: self._artifact(HOOKS, found, hook_handler(hook)) for hook in HOOK_NAMES}
        codes = {service: service_code(self.repository, service) for service in services}
        return {name: self._artifact(name, found, handler_of(name, code)) for name, code in codes.items()}, hooks

    def _artifact(self, name: str, found: Mapping[str, Stored], handler: str) -> Artifact:
        return Artifact(found[name], handler, self.manifest.functions[name].digest)


def select(
    environment: Mapping[str, str], repository: Path, platform: Platform, commit: str, *, preview: bool
) -> SelectedManifest | None:
    """Return the manifest that STRATA_MANIFEST names, relative to the repository; None if it names none.

    `commit` is the one that the release will record, perhaps abbreviated; `preview` is true where Pulumi only previews.
    Raises ManifestError with every way in which the manifest does not fit the checkout or the platform, and with every
    zip beside it that differs from the one that was built.
    """
    given = environment.get(VARIABLE, "").strip()
    if not given:
        return None
    file = repository / given
    manifest = read(file)
    mistakes = [
        *commit_mismatches(manifest, commit, checkout(repository, INPUTS)),
        *_names(manifest, services.names(repository)),
        *_platform(manifest, platform),
        *digest_mismatches(manifest, file.parent),
    ]
    if mistakes:
        raise ManifestError(file, mistakes)
    return SelectedManifest(repository, file, manifest, planned=preview and environment.get(PLAN) == "true")


def commit_mismatches(manifest: Manifest, commit: str, checked_out: Checkout | None) -> Iterator[str]:
    """Yield each reason why the manifest is not of this checkout, as a clause for an error.

    `commit` is the one that the release will record, perhaps abbreviated. `checked_out` is None if git knows none.
    """
    own = manifest.commit.removesuffix(DIRTY)
    if manifest.commit != own:
        yield (
            f"it is of {own} with uncommitted changes, so it cannot be built again; commit them and run `make bundle`"
        )
    said = commit.removesuffix(DIRTY) if checked_out is None or checked_out.commit == own else checked_out.commit
    if said == UNKNOWN:
        yield (
            f"it is of commit {own}, but the commit that is checked out here is unknown; check it out by git, or set "
            "STRATA_COMMIT"
        )
    elif not (len(said) >= FEWEST and own.startswith(said)):
        yield f"it is of commit {own}, but the release would be of {said}; check out {own}, or use {said}'s manifest"
    if checked_out is not None and checked_out.changed:
        changed = ", ".join(checked_out.changed)
        yield (
            f"it lacks the uncommitted changes in this checkout ({changed}); commit them and run `make bundle`, or "
            f"unset {VARIABLE} to release them as they are"
        )


def digest_mismatches(manifest: Manifest, folder: Path) -> Iterator[str]:
    """Yield an error for each zip beside the manifest whose digest is not the manifest's."""
    for name, entry in manifest.functions.items():
        file = folder / f"{name}.zip"
        if file.exists() and (held := digest_of(file.read_bytes())) != entry.digest:
            yield (
                f"{name} is {entry.digest}, but {file} has the digest {held}: it was altered after the build; run "
                "`make bundle` again, and find out who altered it"
            )


def _names(manifest: Manifest, program: Sequence[str]) -> Iterator[str]:
    if (found := manifest.functions.keys() - {HOOKS}) != set(program):
        yield f"it has bundles of {', '.join(sorted(found))}, but app/ has {', '.join(program)}; run `make bundle`"


def _platform(manifest: Manifest, platform: Platform) -> Iterator[str]:
    if manifest.platform != platform:
        yield (
            f"it is for {manifest.platform}, but strata:compute has {platform}; set the stack's runtime and "
            "architecture to the manifest's, or commit the stack's and run `make bundle`"
        )
