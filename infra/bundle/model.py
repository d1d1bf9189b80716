"""A bundle is a function's zip, built for one of Lambda's platforms."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pulumi

if TYPE_CHECKING:
    from infra.bundle.packages import Package

MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}  # the names that Python and its wheels give Lambda's architectures
# The C library of Amazon Linux 2 is 2.26, and no wheel asks for one between 2.17 and that; Amazon Linux 2023 has 2.34.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
LIBRARIES = {"python3.11": "manylinux2014", "python3.12": "manylinux_2_34", "python3.13": "manylinux_2_34"}


class BundleError(pulumi.RunError):
    """Lambda would not accept or not run this bundle. Pulumi shows it without a traceback."""


@dataclass(frozen=True)
class Platform:
    """The runtime and the architecture that Lambda runs a bundle on, by Lambda's identifiers."""

    runtime: str = "python3.11"
    architecture: str = "x86_64"

    def __str__(self) -> str:
        return f"{self.runtime} on {self.architecture}"

    @property
    def python(self) -> str:
        """Return the version of Python, e.g. "3.11"."""
        return self.runtime.removeprefix("python")

    @property
    def wheels(self) -> str:
        """Return the newest wheel platform that it accepts, as uv names it, e.g. "x86_64-manylinux2014"."""
        return f"{MACHINES[self.architecture]}-{LIBRARIES[self.runtime]}"

    @property
    def markers(self) -> dict[str, str]:
        """Return the values with which environment markers are evaluated on this platform.

        https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers
        """
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": MACHINES[self.architecture],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }


class Code(Protocol):
    """A function's code, wherever its bytes come from."""

    @property
    def handler(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the arguments of the function's resource by which Lambda gets the bytes."""


@dataclass(frozen=True)
class Bundle:
    """A zip on disk.

    `digest` is what Lambda will report as CodeSha256; `files` are the names in the zip, sorted; `ignored` are files
    beside its sources that are left out because git ignores them; `packages` are those whose code is in it.
    """

    path: Path
    handler: str
    digest: str
    files: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    packages: tuple["Package", ...] = ()

    @cached_property
    def arguments(self) -> Mapping[str, Any]:
        """Return the archive, which the provider uploads where its hash has changed."""
        return {"code": pulumi.FileArchive(str(self.path))}


def digest(zipped: bytes) -> str:
    """Return the CodeSha256 that Lambda reports of a zip: its SHA-256 in base64.

    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
    """
    return base64.b64encode(hashlib.sha256(zipped).digest()).decode()
