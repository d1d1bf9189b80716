"""The manifest of a build names the zips, by digest, that were built from one commit. Pure, but for reading the file.

A commit has the same manifest on every machine: its times are the commit's, and nothing in it depends on the builder.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pulumi

from infra.bundle import Platform
from infra.bundle.model import LIBRARIES, MACHINES
from infra.bundle.zips import LARGEST_CODE
from infra.git import DIRTY
from infra.schema import (
    Check,
    InvalidValueError,
    OneOf,
    Reader,
    Section,
    Text,
    Whole,
    decode,
    listed,
    read_object,
    shown,
)
from infra.services import NODE, PYTHON

HOOKS = "hooks"  # the one zip of all hooks
FILE = "manifest.json"
DIGEST = Text(
    r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", "a digest as Lambda reports it, a SHA-256 in 44 characters of base64"
)


class ManifestError(pulumi.RunError):
    """A manifest cannot be deployed; the message has a line for each reason. Pulumi shows it without a traceback."""

    def __init__(self, file: Path, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(listed(f"the manifest {file} has", mistakes))


class _Dependencies(Check):
    expected = 'an object, version by package, e.g. {"jmespath": "1.1.0"}'

    def check(self, value: object) -> Mapping[str, str]:
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise InvalidValueError("not an object of strings")
        return value


class _Sbom(Check):
    expected = "the bill of materials that `make bundle` wrote"

    def check(self, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict) or value.get("bomFormat") != "CycloneDX":
            raise InvalidValueError("not a bill of materials in CycloneDX")
        return value


class _Time(Check):
    expected = 'a time in UTC, e.g. "2026-01-31T12:00:00+00:00"'

    def check(self, value: object) -> datetime:
        try:
            found = datetime.fromisoformat(value if isinstance(value, str) else "")
        except ValueError:
            raise InvalidValueError("not a time") from None
        if found.tzinfo is None:
            raise InvalidValueError("without a time zone")
        return found.astimezone(UTC)


@dataclass(frozen=True)
class Entry:
    """One zip of the build.

    `digest` is the CodeSha256 that Lambda will report; `zipped` and `unzipped` are sizes in bytes; `dependencies` are
    versions by package; `sbom` is a CycloneDX document; `runtime` is the language of its code, whose version is the
    stack's.
    """

    digest: Annotated[str, DIGEST]
    zipped: Annotated[int, Whole(1, LARGEST_CODE * 2, "bytes", "no zip that Lambda accepts is larger")]
    unzipped: Annotated[int, Whole(1, LARGEST_CODE, "bytes", "Lambda accepts no more, unzipped")]
    dependencies: Annotated[Mapping[str, str], _Dependencies()]
    sbom: Annotated[Mapping[str, Any], _Sbom()]
    runtime: Annotated[str, OneOf(PYTHON, NODE, why="a service's code has one")] = PYTHON


class _Functions(Reader):
    """Read an entry for each zip: those of the services, and the hooks'."""

    expected = f"an object with an entry for each service and {HOOKS}"

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Any]:
        if not isinstance(value, dict) or HOOKS not in value or len(value) == 1:
            found = ", ".join(value) if isinstance(value, dict) else shown(value)
            mistakes.append(f"{path} names {found}, not services and {HOOKS}; run `make bundle`")
            return
        section = Section(Entry)
        entries = {name: entry for name in value for entry in section.read(value[name], f"{path}.{name}", mistakes)}
        if len(entries) == len(value):
            yield entries


@dataclass(frozen=True)
class Manifest:
    """One build. `commit` is forty hexadecimal digits, and "-dirty" after them where files differed from the commit's.

    `committed` is the commit's time in UTC; `functions` has an entry for each zip, by name.
    """

    commit: Annotated[str, Text(rf"[0-9a-f]{{40}}({DIRTY})?", "a commit, its forty hexadecimal digits")]
    committed: Annotated[datetime, _Time()]
    runtime: Annotated[str, OneOf(*LIBRARIES, why="Lambda's, as strata:compute has them")]
    architecture: Annotated[str, OneOf(*MACHINES, why="Lambda has two")]
    functions: Annotated[Mapping[str, Entry], _Functions()]

    @property
    def platform(self) -> Platform:
        return Platform(self.runtime, self.architecture)

    def text(self) -> str:
        """Return the content of the manifest's file: JSON, equal for equal manifests."""
        document = {
            "commit": self.commit,
            "committed": self.committed.isoformat(),
            "runtime": self.runtime,
            "architecture": self.architecture,
            "functions": {name: vars(entry) for name, entry in sorted(self.functions.items())},
        }
        return json.dumps(document, indent=2) + "\n"


def read(file: Path) -> Manifest:
    """Return the manifest in a file. Raises ManifestError with every mistake of its form."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(
            file, [f"it cannot be read ({error}); run `make bundle`, or unset STRATA_MANIFEST"]
        ) from None
    return parse(text, file)


def parse(text: str, file: Path) -> Manifest:
    """Return the manifest in a text; errors name `file` as its origin. Raises ManifestError."""
    mistakes: list[str] = []
    try:
        reading = read_object(Manifest, decode(text), "manifest", mistakes)
    except InvalidValueError as error:
        raise ManifestError(file, [f"it is {shown(text)}, {error}"]) from None
    if mistakes:
        raise ManifestError(file, mistakes)
    return Manifest(**reading.values)
