"""Patches ministack, each with the reason; `install` checks all patches before it applies one."""

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

VERSION = "1.5.33"


class PatchError(Exception):
    """ministack is not the version that the patches were written for."""


@dataclass(frozen=True)
class Seam:
    """A function of ministack that is replaced or called: its place, and its required parameters, in order."""

    module: str
    name: str
    parameters: str

    def mistake(self) -> str | None:
        """Return what is wrong with it, or None."""
        found = getattr(ministack(self.module), self.name, None)
        if found is None:
            return f"{self.module}.{self.name} is missing"
        actual = " ".join(inspect.signature(found).parameters)
        if actual != self.parameters:
            return f"{self.module}.{self.name} takes ({actual}), expected ({self.parameters})"
        return None


@dataclass(frozen=True)
class Patch:
    """A replacement: `make` receives the original function and returns its replacement."""

    seam: Seam
    why: str
    make: Callable[[Callable[..., Any]], Callable[..., Any]]


def ministack(name: str) -> ModuleType:
    """Return a module of ministack by its name below the package, such as `services.lambda_svc`."""
    return importlib.import_module(f"ministack.{name}")


def install(patches: Sequence[Patch], needs: Sequence[Seam]) -> None:
    """Apply every patch. Raises PatchError with all mismatches, before anything is changed."""
    found = importlib.metadata.version("ministack")
    mistakes = [mistake for seam in [*(patch.seam for patch in patches), *needs] if (mistake := seam.mistake())]
    if found != VERSION or mistakes:
        listed = "".join(f"\n  {mistake}" for mistake in mistakes)
        raise PatchError(
            f"ministack {found} is installed and the patches are written for {VERSION}{listed}\n"
            f"pin ministack=={VERSION} in local/requirements.in and run `make lock venvs`, or review the patches"
        )
    for patch in patches:
        module = ministack(patch.seam.module)
        setattr(module, patch.seam.name, patch.make(getattr(module, patch.seam.name)))
