"""The packages of a bundle: what its lock says for Lambda's platform, wherever this program runs.

They lie in an environment: the program's own, or one that uv fills with the wheels that Lambda takes. The second may
hold compiled ones.
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

# Who installed a package, how and where: it differs from machine to machine, and does not run.
INSTALLER = frozenset({"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "uv_cache.json"})

# How uv says that a package, {0}, of a version, {1}, has wheels for other platforms, or none at all.
_LACKING = r"\b{0}(=={1})? has no (usable )?wheels|[Ww]heels are required for `{0}`"


@dataclass(frozen=True)
class Package:
    """A locked package. `requires` names the other packages of the lock that it needs, `programs` the
    files that are executable."""

    name: str
    version: str
    license: str
    requires: tuple[str, ...]
    files: Mapping[str, bytes]
    programs: frozenset[str] = frozenset()


def belongs(name: PurePath) -> bool:
    """Whether a file of a package goes into a bundle: all that lies beside its modules does, but for what the installer
    has made of its own, which is noted there and console scripts outside, "../../../bin/jp.py", too."""
    written = name.parent.suffix == ".dist-info" and len(name.parts) == 2 and name.name in INSTALLER
    return not written and "__pycache__" not in name.parts and not _outside(name)


def _outside(name: PurePath) -> bool:
    return name.is_absolute() or ".." in name.parts


def locked(repository: Path, lock: str, platform: Platform) -> dict[str, str]:
    """Version by package of the lines that are for the platform, such as `jmespath==1.1.0 ; os_name == "posix" \\`."""
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
    return found


def read(repository: Path, lock: str, platform: Platform, wheels: Path | None) -> list[Package]:
    """What the lock says, in its order. `wheels`: where `fetch` put them; without, the environment of this program."""
    wanted = locked(repository, lock, platform)
    return [_package(name, wanted, lock, platform, wheels) for name in wanted]


def fetch(repository: Path, lock: str, platform: Platform, into: Path) -> Path:
    """Fill the folder `into` with the wheels that Lambda takes, hashes checked; where they lie in it.

    Raises BundleError, which names the package where one has no wheel for the platform, or where there is no uv.
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
            raise BundleError(
                "the wheels for Lambda are fetched by `uv`, which is not on PATH; run `make bundle`"
            ) from None
        if done.returncode:
            raise BundleError(_why(done.stderr, wanted, lock, platform))
    found = sorted(into.glob("lib/python*/site-packages"))
    return found[0] if found else into


def _why(said: str, wanted: Mapping[str, str], lock: str, platform: Platform) -> str:
    """Why uv did not install what is `wanted`, by what it `said`."""
    reason = " ".join(re.sub(r"[^\x20-\x7e]", " ", said).split())
    lacking = [name for name, version in wanted.items() if re.search(_LACKING.format(re.escape(name), version), reason)]
    if not lacking:
        return f"the packages of {lock} cannot be had for {platform}: {reason}"
    named = ", ".join(f"{name} {wanted[name]}" for name in lacking)
    return (
        f"{lock} wants {named}, which has no wheel for {platform}, and a bundle holds nothing that is built here; "
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
            "choose a pure package, or deploy what `make bundle` built for Lambda, by STRATA_MANIFEST"
        )
    if found.files is None:
        raise BundleError(f"{name} {version} has no RECORD, so its files are not known; run `make venvs`")
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
            "it was edited; take one of them out, or run `make venvs`"
        )
    return content


def _sha256(content: bytes) -> str:
    """https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file"""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def _license(found: metadata.Distribution) -> str:
    """What a package says of its license, in one line; empty where it says nothing.

    https://packaging.python.org/en/latest/specifications/core-metadata/#license-expression
    """
    said = [*(found.metadata.get_all("License-Expression") or ()), *(found.metadata.get_all("License") or ()), ""]
    return said[0] if len(said[0].splitlines()) == 1 else ""


def _required(found: metadata.Distribution, wanted: Mapping[str, str], platform: Platform) -> Iterator[str]:
    """The packages of the lock that this one needs there, whichever of its extras are used."""
    extras: Sequence[str] = ["", *(found.metadata.get_all("Provides-Extra") or ())]
    names = {canonicalize_name(name): name for name in wanted}
    needed = set()
    for line in found.requires or ():
        each = Requirement(line)
        if each.marker is None or any(each.marker.evaluate({**platform.markers, "extra": extra}) for extra in extras):
            needed.add(canonicalize_name(each.name))
    yield from sorted(names[name] for name in needed & names.keys())
