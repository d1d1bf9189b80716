"""The bundles of all services: git is asked about their files once, and esbuild makes several modules at a time."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.bundle import sources, zips
from infra.bundle.model import Bundle, BundleError, Platform
from infra.bundle.packages import Package
from infra.bundle.sources import Tree
from infra.services import Service


def tree(services: Sequence[Service], repository: Path) -> Tree:
    """Return the files of the services and of the hooks. Raises BundleError if git cannot list them."""
    own = (place for each in services for place in zips.places(each.name, each.runtime))
    return sources.tree(repository, sorted({*own, *zips.hook_places([each.name for each in services])}))


def build_all(
    services: Sequence[Service],
    repository: Path,
    platform: Platform,
    files: Tree,
    packages: Mapping[str, Sequence[Package]] | None = None,
) -> dict[str, Bundle]:
    """Build the bundle of each service; return them by name, in the services' order. `files`: from `tree`.

    `packages`: those of each service in Python, as `build` takes them. Raises BundleError with the mistakes of every
    service.
    """

    def built(service: Service) -> Bundle | BundleError:
        held = None if packages is None else packages.get(service.name, ())
        try:
            return zips.build(
                service.name,
                repository,
                platform,
                runtime=service.runtime,
                handler=service.lambda_handler,
                packages=held,
                tree=files,
            )
        except BundleError as mistake:
            return mistake

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip((each.name for each in services), pool.map(built, services), strict=True))
    if mistakes := dict.fromkeys(str(each) for each in found.values() if isinstance(each, BundleError)):
        raise BundleError("\n".join(mistakes))
    return {name: each for name, each in found.items() if isinstance(each, Bundle)}
