"""Read the service.yaml of every folder, and report every mistake of every file at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from infra.config.go_yaml import Moment, OtherKey, YamlError, load
from infra.config.service import REMOVED
from infra.config.settings import SERVICE
from infra.schema import InvalidValueError, below, read_object
from infra.services import checks
from infra.services.model import FILE, PYTHON, SOURCES, Declared, Service, ServiceError

LARGEST_FILE = 64 * 1024  # bytes; a declaration is a page
MISNAMED = "service.yml"  # the other usual suffix of YAML
RESERVED = ("hooks", REMOVED)  # the hooks' own folder, and a key of strata:services


def names(repository: Path) -> tuple[str, ...]:
    """Return the services' names, sorted: the folders of `app` that hold a service.yaml. It reads none of them."""
    return tuple(sorted(file.parent.name for file in (repository / "app").glob(f"*/{FILE}")))


def read(repository: Path) -> tuple[Service, ...]:
    """Return the services of a repository, sorted by name. Raises ServiceError with every mistake of every file."""
    mistakes: list[str] = []
    services = [each for folder in folders(repository) for each in _service(repository, folder, mistakes)]
    mistakes += checks.together(services)
    if not services and not mistakes:
        mistakes.append(f"app has no folder with a {FILE}, so there is no service; `make service NAME=...` writes one")
    if mistakes:
        raise ServiceError(mistakes)
    return tuple(services)


def parse(name: str, content: bytes) -> Service:
    """Return the service that the bytes of a service.yaml declare. Raises ServiceError with every mistake in them."""
    mistakes: list[str] = []
    found = list(_declared(name, content, mistakes))
    if mistakes:
        raise ServiceError(mistakes)
    return found[0][0]


def name_mistakes(name: str, runtime: str) -> Iterator[str]:
    """Yield the reasons for which a service may not have this name, each as a clause with its remedy."""
    try:
        SERVICE.check(name)
    except InvalidValueError:
        yield (
            "AWS names are built from it; choose at most 16 lower-case letters, digits and hyphens, a letter first, "
            "e.g. orders"
        )
    if name in RESERVED:
        yield "Strata uses that name itself; choose another"
    if runtime == PYTHON and "-" in name:
        yield "a package of Python has no hyphen in its name; leave it out"


def folders(repository: Path) -> list[Path]:
    """Return the folders of `app` that hold a declaration, or code that looks like a service's."""
    code = [pattern.format(module="main") for pattern in SOURCES.values()]
    folders = [each for each in sorted((repository / "app").glob("*")) if each.is_dir()]
    return [each for each in folders if any((each / name).exists() for name in (FILE, MISNAMED, *code))]


def _service(repository: Path, folder: Path, mistakes: list[str]) -> Iterator[Service]:
    """Yield the service of a folder if its file can be read; it has defaults in place of wrong values."""
    name, file = folder.name, f"app/{folder.name}/{FILE}"
    try:
        with (folder / FILE).open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        mistakes.append(_undeclared(folder))
        return
    except OSError as problem:
        mistakes.append(f"{file} cannot be read ({problem.strerror}); make it a file that you may read")
        return
    for service, given in _declared(name, content, mistakes):
        yield service
        if given.keys() >= {"runtime", "handler"} and not (repository / service.source).is_file():
            mistakes.append(
                f"{file}: the handler {service.handler} needs {service.source}, which does not exist; write it, or "
                "correct handler or runtime"
            )


def _undeclared(folder: Path) -> str:
    """Return the mistake of a folder that looks like a service's and declares none."""
    if (folder / MISNAMED).exists():
        return f"app/{folder.name} has {MISNAMED}, which nothing reads; rename it to {FILE}"
    runtime = next(name for name, source in SOURCES.items() if (folder / source.format(module="main")).exists())
    return (
        f"app/{folder.name} has code, but no {FILE}, so nothing declares it; write one (`runtime: {runtime}` alone "
        "will do), or take the folder away"
    )


def _declared(name: str, content: bytes, mistakes: list[str]) -> Iterator[tuple[Service, Mapping[str, Any]]]:
    """Yield the service, with defaults in place of wrong values, and the values that are valid; nothing if the file
    cannot be read."""
    file = f"app/{name}/{FILE}"
    found: list[str] = []
    try:
        given = read_object(Declared, _loaded(content), "", found).values
    except YamlError as problem:
        mistakes.append(f"{file} cannot be read: {problem}; correct it")
        return
    except RecursionError:
        mistakes.append(f"{file} is nested too deeply; write it flatter")
        return
    service = Service(**given, name=name)
    mistakes += [f"{service.folder} is a service's folder, but {why}" for why in name_mistakes(name, service.runtime)]
    mistakes += [f"{file}: {each.removeprefix('.').strip()}" for each in found]
    mistakes += [f"{file}: {each}" for each in checks.alone(service)]
    yield service, given


def _loaded(content: bytes) -> Any:
    """Return the file's object; {} for an empty file. Raises YamlError."""
    if len(content) > LARGEST_FILE:
        raise YamlError(f"it has more than {LARGEST_FILE} bytes")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=yaml.SafeLoader)):
            raise YamlError("it refers to an anchor (*NAME), which a declaration does not need")
    except yaml.YAMLError as problem:
        raise YamlError(f"invalid YAML file: {' '.join(str(problem).split())}") from None
    value = _plain(load(content), "")
    return {} if value is None else value


def _plain(value: Any, path: str) -> Any:
    """Return the value with timestamps as text. Raises YamlError for a key that is no text in YAML."""
    match value:
        case dict():
            if strange := [key for key in value if isinstance(key, OtherKey)]:
                where = below(path, strange[0]).removeprefix(".")
                raise YamlError(f"the key {where} is no text; put it in quotes")
            return {key: _plain(each, below(path, key)) for key, each in value.items()}
        case list():
            return [_plain(each, path) for each in value]
        case Moment():
            return str(value)
    return value
