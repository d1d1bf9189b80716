"""The packages of a service in TypeScript are those that its `package-lock.json` names, as npm installed them.

https://docs.npmjs.com/cli/configuring-npm/package-lock-json
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.bundle.model import BundleError
from infra.bundle.packages import Package
from infra.schema import listed

MODULES, LOCK, MANIFEST = "node_modules", "package-lock.json", "package.json"
INSTALLED = ".package-lock.json"  # npm's own record of what it installed
FILES = ".strata-files.json"  # `make venvs` writes the SHA-256 of each file: local.toolchain.node
VERSION = 3  # of the lock's form, since npm 7
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
PLATFORM = ("os", "cpu", "libc")  # a package that names one of them has code for that machine alone


@dataclass(frozen=True)
class Lock:
    """The packages of `app/SERVICE/package-lock.json`, by folder, e.g. `node_modules/@smithy/core`."""

    service: str
    entries: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @property
    def file(self) -> str:
        return f"app/{self.service}/{LOCK}"

    @property
    def deployed(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the packages that may go into a bundle: all but those for development."""
        return {folder: entry for folder, entry in self.entries.items() if not entry.get("dev")}


def read(service: str, manifest: bytes, lock: bytes) -> Lock:
    """Return the lock of a service, whose package.json is `manifest`. Raises BundleError with every mistake of both."""
    wanted, locked = _object(service, MANIFEST, manifest), _object(service, LOCK, lock)
    entries = locked.get("packages")
    if locked.get("lockfileVersion") != VERSION or not isinstance(entries, dict) or "" not in entries:
        raise BundleError(
            f"app/{service}/{LOCK} has lockfileVersion {locked.get('lockfileVersion')!r}, not {VERSION}; write it "
            "again by `make lock`"
        )
    found = Lock(service, {folder: entry for folder, entry in entries.items() if folder})
    refuse(service, [*_differences(found, wanted, entries[""]), *_unfit(found)])
    return found


def refuse(service: str, mistakes: Iterable[str]) -> None:
    """Raise BundleError with all mistakes, if there are any."""
    if found := list(mistakes):
        raise BundleError(listed(f"the bundle of app/{service} has", found, "nothing was uploaded"))


def _object(service: str, name: str, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        remedy = "write it again by `make lock`" if name == LOCK else "correct it"
        raise BundleError(f"app/{service}/{name} is not JSON ({error}); {remedy}") from None
    if not isinstance(found, dict):
        raise BundleError(f"app/{service}/{name} holds {type(found).__name__}, not an object; correct it")
    return found


def _differences(lock: Lock, wanted: Mapping[str, Any], locked: Mapping[str, Any]) -> Iterator[str]:
    for kind in DEPENDENCIES:
        asked, held = wanted.get(kind) or {}, locked.get(kind) or {}
        for name in sorted({*asked, *held}):
            if asked.get(name) != held.get(name):
                yield (
                    f"{MANIFEST} has {kind} {name} {asked.get(name, 'not at all')}, and {lock.file} "
                    f"{held.get(name, 'not at all')}; run `make lock`"
                )


def _unfit(lock: Lock) -> Iterator[str]:
    for folder, entry in lock.entries.items():
        named = f"{lock.file} has {name_of(folder)} {entry.get('version', '')}".rstrip()
        if str(entry.get("resolved", "")).startswith(("http:", "https:")):
            yield f"{named} with the address of a registry, which other machines may not reach; run `make lock`"
        elif "integrity" not in entry and not entry.get("inBundle"):
            yield f"{named} without a hash: it comes from a folder or from git; take one from a registry"
    for folder, entry in lock.deployed.items():
        named = f"{lock.file} has {name_of(folder)} {entry.get('version', '')}".rstrip()
        if entry.get("hasInstallScript"):
            yield f"{named}, which has an install script, and a bundle runs none; choose another package"
        if given := [key for key in PLATFORM if key in entry]:
            said = ", ".join(f"{key} {' or '.join(entry[key])}" for key in given)
            yield f"{named}, which is compiled for one platform ({said}); choose a package in plain JavaScript"


def installed(lock: Lock, modules: Path) -> None:
    """Compare what npm installed into `modules` with the lock.

    Raises BundleError with each package that is missing or another, and with each that has a native part.
    """
    record = modules / INSTALLED
    if lock.deployed and not record.exists():
        raise BundleError(f"the packages of {lock.file} are not installed in {modules}; run `make venvs`")
    held = json.loads(record.read_bytes())["packages"] if record.exists() else {}
    refuse(lock.service, _not_as_locked(lock, held, modules))


def _not_as_locked(lock: Lock, held: Mapping[str, Mapping[str, Any]], modules: Path) -> Iterator[str]:
    for folder, entry in lock.deployed.items():
        name, there = f"{name_of(folder)} {entry.get('version', '')}", held.get(folder)
        if there is None:
            if not entry.get("optional"):
                yield f"{lock.file} has {name}, which is not installed; run `make venvs`"
        elif any(there.get(key) != entry.get(key) for key in ("version", "integrity")):
            yield f"{lock.file} has {name}, but {there.get('version')} is installed, or other bytes; run `make venvs`"
        elif native := _native(modules.parent / folder):
            yield f"{lock.file} has {name}, which has a native part ({native}); choose a package in plain JavaScript"


def _native(folder: Path) -> str | None:
    """Return the name of a file that shows that a package is compiled, if there is one."""
    found = (*folder.rglob("*.node"), *folder.rglob("binding.gyp"))
    own = [file.relative_to(folder) for file in found if MODULES not in file.relative_to(folder).parts]
    return min(map(str, own), default=None)


def edited(service: str, modules: Path, used: Iterable[str]) -> Iterator[str]:
    """Yield an error for each file of a package that differs from what was installed. `used`: as esbuild names them."""
    record = modules / FILES
    known = json.loads(record.read_bytes()) if record.exists() else {}
    for name in used:
        content = (modules.parent / name).read_bytes()
        if known.get(name.removeprefix(f"{MODULES}/")) != hashlib.sha256(content).hexdigest():
            yield (
                f"app/{service}/{name} has not the bytes that were installed: it was edited, or npm was run by hand; "
                f"delete app/{service}/{MODULES} and run `make venvs`"
            )


def name_of(folder: str) -> str:
    """Return the name of the package in a folder, e.g. `@smithy/core` of `node_modules/@smithy/core`."""
    return folder.rpartition(f"{MODULES}/")[2]


def folder_of(file: str) -> str:
    """Return the folder of the package that a file is in, e.g. `node_modules/@smithy/core`."""
    before, _, rest = file.rpartition(f"{MODULES}/")
    parts = rest.split("/")
    return f"{before}{MODULES}/{'/'.join(parts[: 2 if rest.startswith('@') else 1])}"


def package(lock: Lock, folder: str, requires: Iterable[str], modules: Path) -> Package:
    """Return the locked package in a folder; `requires` are the folders of those that it imports."""
    about = json.loads((modules.parent / folder / MANIFEST).read_bytes())
    said = about.get("license", "")
    found = sorted(_reference(lock, each) for each in requires)
    license_ = said if isinstance(said, str) else ""
    return Package(name_of(folder), lock.entries[folder]["version"], license_, tuple(found), {}, kind="npm")


def _reference(lock: Lock, folder: str) -> str:
    return f"{name_of(folder)}@{lock.entries[folder]['version']}"
