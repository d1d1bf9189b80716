"""The packages of a bundle are those that its lock names for Lambda's platform, wherever this program runs.

They are read from an environment: the program's own, or one that uv fills with wheels for Lambda, compiled ones too.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from infra.bundle.model import BundleError, Platform

# The installer's own records, which differ from machine to machine and are not code.
INSTALLER = frozenset({"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "uv_cache.json"})

# uv's words where package {0}, version {1}, has wheels for other platforms only, or none at all.
_LACKING = r"\b{0}(=={1})? has no (usable )?wheels|[Ww]heels are required for `{0}`"


@dataclass(frozen=True)
class Package:
    """A locked package.

    `license` is empty where the package declares none in one line; `requires` are the references of the packages of the
    lock that it needs; `files` are bytes by path, none where they are part of a bundled module; `programs` are the
    paths that are executable; `kind` is the package's type in a package URL, `pypi` or `npm`.
    """

    name: str
    version: str
    license: str
    requires: tuple[str, ...]
    files: Mapping[str, bytes]
    programs: frozenset[str] = frozenset()
    kind: str = "pypi"

    @property
    def reference(self) -> str:
        """Return what names the package among those of a bundle, which may have two versions of one npm package."""
        return f"{self.name}@{self.version}" if self.kind == "npm" else self.name


def belongs(name: PurePath) -> bool:
    """Return True if a file of a package goes into a bundle.

    All files beside its modules do, except the installer's records, byte code, and console scripts, which lie outside,
    e.g. "../../../bin/jp.py".
    """
    written = name.parent.suffix == ".dist-info" and len(name.parts) == 2 and name.name in INSTALLER
    return not written and "__pycache__" not in name.parts and not _outside(name)


def _outside(name: PurePath) -> bool:
    return name.is_absolute() or ".." in name.parts


def locked(repository: Path, lock: str, platform: Platform) -> dict[str, str]:
    """Return the versions by package that a lock names for the platform.

    A line of the lock is e.g. `jmespath==1.1.0 ; os_name == "posix" \\`. Raises BundleError where the lock is missing,
    a line locks no version, or the requirements.in beside it asks for what it does not have.
    """
    file = repository / lock
    if not file.exists():
        raise BundleError(f"the bundle's packages are locked in {file}, which does not exist; run `make lock`")
    found = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        text = line.partition("--hash=")[0].rstrip("\\ ").strip()
        if not text or text.startswith("#"):
            continue
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            raise BundleError(f"{lock}, line {number}, is {text!r}, which locks no package; run `make lock`") from None
        version = re.fullmatch(r"==([^*]+)", str(wanted.specifier))
        if version is None:
            raise BundleError(f"{lock}, line {number}, is {text!r}, which locks no version; run `make lock`")
        if wanted.marker is None or wanted.marker.evaluate(platform.markers):
            found[wanted.name] = version[1]
    if differences := list(_differences(file.with_suffix(".in"), lock, found, platform)):
        raise BundleError("\n".join(differences))
    return found


def _differences(asked: Path, lock: str, found: Mapping[str, str], platform: Platform) -> Iterator[str]:
    """Yield the requirements of `asked`, the file from which the lock is made, that the lock does not fulfil."""
    held = {canonicalize_name(name): version for name, version in found.items()}
    for line in asked.read_text().splitlines() if asked.exists() else ():
        try:
            wanted = Requirement(re.split(r"(?:^|\s)#", line)[0].strip())
        except InvalidRequirement:
            continue  # an empty line, or an option of pip's
        if wanted.marker is not None and not wanted.marker.evaluate(platform.markers):
            continue
        version = held.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            has = f"{wanted.name} {version}" if version else f"no {wanted.name}"
            yield f"{asked.name} beside {lock} has {wanted}, but the lock has {has}; run `make lock`"


def read(repository: Path, lock: str, platform: Platform, wheels: Path | None) -> list[Package]:
    """Return the lock's packages, in its order. `wheels`: the folder from `fetch`; None for this program's environment.

    Raises BundleError where a package is not installed as locked, or is compiled for this machine.
    """
    wanted = locked(repository, lock, platform)
    return [_package(name, wanted, lock, platform, wheels) for name in wanted]


def fetch(repository: Path, lock: str, platform: Platform, into: Path) -> Path:
    """Install wheels for Lambda into the folder `into`, hashes checked; return the folder in it that holds them.

    Raises BundleError where a package has no wheel for the platform, which the message names, or uv is not on PATH.
    https://docs.astral.sh/uv/reference/cli/#uv-pip-install
    """
    wanted = locked(repository, lock, platform)
    command = ["uv", "pip", "install", "--quiet", "--prefix", str(into), "--python", sys.executable]
    command += ["--require-hashes", "--no-deps"]
    command += ["--python-platform", platform.wheels, "--python-version", platform.python, "--only-binary", ":all:"]
    command += ["--link-mode", "copy", "--requirements", lock]
    if wanted:
        try:
            done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        except OSError:
            raise BundleError("`uv` fetches the wheels for Lambda, but it is not on PATH; run `make bundle`") from None
        if done.returncode:
            raise BundleError(_why(done.stderr, wanted, lock, platform))
    found = sorted(into.glob("lib/python*/site-packages"))
    return found[0] if found else into


def _why(said: str, wanted: Mapping[str, str], lock: str, platform: Platform) -> str:
    """Return an error that explains, from what uv `said`, why it did not install the `wanted` packages."""
    reason = " ".join(re.sub(r"[^\x20-\x7e]", " ", said).split())
    lacking = [name for name, version in wanted.items() if re.search(_LACKING.format(re.escape(name), version), reason)]
    if not lacking:
        return f"uv could not install the packages of {lock} for {platform}: {reason}"
    named = ", ".join(f"{name} {wanted[name]}" for name in lacking)
    return (
        f"{lock} wants {named}, which has no wheel for {platform}, and a bundle never builds one from source; "
        f"choose a version that has one (uv: {reason})"
    )


def _package(name: str, wanted: Mapping[str, str], lock: str, platform: Platform, wheels: Path | None) -> Package:
    version = wanted[name]
    path = sys.path if wheels is None else [str(wheels)]
    found = next(iter(metadata.distributions(name=name, path=path)), None)
    if found is None:
        raise BundleError(f"{lock} wants {name} {version}, which is not installed; run `make venvs`")
    if found.version != version:
        raise BundleError(f"{lock} wants {name} {version}, but {found.version} is installed; run `make venvs`")
    if wheels is None and "Root-Is-Purelib: true" not in (found.read_text("WHEEL") or ""):
        raise BundleError(
            f"{name} {version} is not pure Python, so its files are for this machine and not for Lambda's; "
            "choose a pure package, or set STRATA_MANIFEST to deploy the bundle that `make bundle` built for Lambda"
        )
    if found.files is None:
        raise BundleError(f"{name} {version} has no RECORD, so its files are unknown; run `make venvs`")
    files = {file.as_posix(): _file(f"{name} {version}", file) for file in found.files if belongs(file)}
    programs = frozenset(file.as_posix() for file in found.files if belongs(file) and os.access(file.locate(), os.X_OK))
    required = tuple(_required(found, wanted, platform))
    return Package(name, version, _license(found), required, files, programs)


def _file(package: str, file: metadata.PackagePath) -> bytes:
    path = Path(str(file.locate()))
    if path.is_symlink() or not path.is_file():
        is_ = f"a link, to {path.readlink()}" if path.is_symlink() else "not there"
        raise BundleError(f"{file} of {package} is {is_}, so it is not what was locked; run `make venvs`")
    content = path.read_bytes()
    if file.hash is not None and file.hash.mode == "sha256" and file.hash.value != _sha256(content):
        raise BundleError(
            f"{file} of {package} has not the bytes that its RECORD says: another package has a file of that name, or "
            "it was edited; remove one of the packages, or run `make venvs`"
        )
    return content


def _sha256(content: bytes) -> str:
    """https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file"""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def _license(found: metadata.Distribution) -> str:
    """Return the license that a package declares in one line; empty where it declares none.

    https://packaging.python.org/en/latest/specifications/core-metadata/#license-expression
    """
    said = [*(found.metadata.get_all("License-Expression") or ()), *(found.metadata.get_all("License") or ()), ""]
    return said[0] if len(said[0].splitlines()) == 1 else ""


def _required(found: metadata.Distribution, wanted: Mapping[str, str], platform: Platform) -> Iterator[str]:
    """Yield the packages of the lock that this one needs on the platform, with any of its extras."""
    extras: Sequence[str] = ["", *(found.metadata.get_all("Provides-Extra") or ())]
    names = {canonicalize_name(name): name for name in wanted}
    needed = set()
    for line in found.requires or ():
        each = Requirement(line)
        if each.marker is None or any(each.marker.evaluate({**platform.markers, "extra": extra}) for extra in extras):
            needed.add(canonicalize_name(each.name))
    yield from sorted(names[name] for name in needed & names.keys())
