"""ministack, the embedded AWS: its modules, and `install`, which checks every seam before it changes one."""

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

VERSION = "1.5.33"


class PatchError(Exception):
    """ministack is not the one that the patches were written for."""


@dataclass(frozen=True)
class Seam:
    """A function of ministack that is replaced or called: where it is, and the parameters it must have, in order."""

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
    """A replacement: `make` receives the original function and gives what takes its place."""

    seam: Seam
    why: str
    make: Callable[[Callable[..., Any]], Callable[..., Any]]


def ministack(name: str) -> ModuleType:
    """A module of ministack by its name below the package, such as `services.lambda_svc`."""
    return importlib.import_module(f"ministack.{name}")


def install(patches: Sequence[Patch], needs: Sequence[Seam]) -> None:
    """Put every patch in place. Raises PatchError, naming all that does not fit, before anything is changed."""
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
