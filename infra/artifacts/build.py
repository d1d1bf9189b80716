"""`make bundle` builds a commit's zips for Lambda's platform, and their manifest, into the folder `dist`."""

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from infra import bundle, services
from infra.artifacts import stacks
from infra.artifacts.manifest import FILE, HOOKS, Entry, Manifest
from infra.artifacts.sbom import bill
from infra.artifacts.selection import INPUTS
from infra.bundle import Bundle, BundleError, Platform, packages
from infra.bundle.packages import Package
from infra.bundle.zips import lock_of, write
from infra.git import DIRTY, checkout, why_none


def build(repository: Path, on_line: Callable[[str], None] = lambda _: None) -> Manifest:
    """Build the bundles of the checked-out files; `on_line` receives a line for each file that is left out.

    Where files differ from the commit's, the manifest's commit ends in "-dirty"; such a manifest is neither published
    nor deployed.

    Raises ServiceError, BundleError, CommitError where git refuses to name the commit, or ConfigError where a stack's
    file is wrong.
    """
    platform = stacks.platform(stacks.all_of(repository))
    found = checkout(repository, INPUTS)
    if found is None:
        raise BundleError(f"a bundle needs a commit, and git knows none in {repository}: {why_none(repository)}")
    commit = found.commit + (DIRTY if found.changed else "")

    def entry(name: str, built: Bundle, runtime: str) -> Entry:
        with zipfile.ZipFile(built.path) as archive:
            unzipped = sum(each.file_size for each in archive.infolist())
        for file in built.ignored:
            on_line(f"{file} is not in the bundle {name}: git ignores it")
        sbom = bill(name, built.digest, commit, found.at, built.packages)
        return Entry(
            built.digest, built.path.stat().st_size, unzipped, dependencies(built.packages), sbom, runtime=runtime
        )

    declared = services.read(repository)
    files = bundle.tree(declared, repository)
    held = {each.name: _wheels(repository, each.name, platform) for each in declared if each.runtime != services.NODE}
    built = bundle.build_all(declared, repository, platform, files, held)
    entries = {each.name: entry(each.name, built[each.name], each.runtime) for each in declared}
    hooks = bundle.hooks([each.name for each in declared], repository, files)
    entries[HOOKS] = entry(HOOKS, next(iter(hooks.values())), services.PYTHON)
    manifest = Manifest(commit, found.at, platform.runtime, platform.architecture, entries)
    write(repository / "dist" / FILE, manifest.text().encode())
    return manifest


def _wheels(repository: Path, service: str, platform: Platform) -> list[Package]:
    """Return the packages of a service in Python, as wheels for Lambda."""
    with tempfile.TemporaryDirectory() as scratch:
        wheels = packages.fetch(repository, lock_of(service), platform, Path(scratch))
        return packages.read(repository, lock_of(service), platform, wheels)


def dependencies(held: Sequence[Package]) -> dict[str, str]:
    """Return the versions by package; npm may install two of one package, which are then both named."""
    found: dict[str, list[str]] = {}
    for each in held:
        found.setdefault(each.name, []).append(each.version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}
