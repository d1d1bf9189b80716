"""The services are the folders of `app` with a `service.yaml`. Here are only the keys that a bundle needs."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from infra.bundle.model import BundleError
from infra.naming import SERVICES

FILE = "service.yaml"
PYTHON, NODE = RUNTIMES = ("python", "node")
HANDLER = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class ServiceCode:
    """The language of a service's code, `python` or `node`, and its handler: MODULE.FUNCTION within its folder."""

    runtime: str = PYTHON
    handler: str = "main.handler"

    @property
    def module(self) -> str:
        return self.handler.partition(".")[0]

    @property
    def function(self) -> str:
        return self.handler.partition(".")[2]


DEFAULT = ServiceCode()


def names(repository: Path) -> tuple[str, ...]:
    """Return the services of a repository."""
    found = sorted(file.parent.name for file in (repository / "app").glob(f"*/{FILE}"))
    return (*SERVICES, *(name for name in found if name not in SERVICES))


def code(repository: Path, service: str) -> ServiceCode:
    """Return what `app/SERVICE/service.yaml` says of the service's code. Raises BundleError where it is wrong."""
    file = repository / "app" / service / FILE
    if not file.exists():
        return DEFAULT
    where = f"app/{service}/{FILE}"
    try:
        content = yaml.safe_load(file.read_bytes()) or {}
    except yaml.YAMLError as error:
        raise BundleError(f"{where} is not YAML ({' '.join(str(error).split())}); correct it") from None
    given = content if isinstance(content, dict) else {}
    found = ServiceCode(given.get("runtime", DEFAULT.runtime), given.get("handler", DEFAULT.handler))
    if found.runtime not in RUNTIMES:
        raise BundleError(f"{where} has runtime {found.runtime!r}; give one of {', '.join(RUNTIMES)}")
    if not isinstance(found.handler, str) or not HANDLER.fullmatch(found.handler):
        raise BundleError(f"{where} has handler {found.handler!r}; give MODULE.FUNCTION, e.g. {DEFAULT.handler}")
    return found
