"""Lambda zips with a stable digest: the same sources and lock give the same bytes on every machine.

Entries are sorted, their times and modes fixed, and they are stored: what deflate makes of a file depends on the zlib
that is installed. The code comes from the repository, its packages from the environment that runs this program, where
they must be what the app's own lock says.
"""

import ast
import base64
import hashlib
import io
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath

import pulumi

from infra.naming import BAKE, SMOKE

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_ZIP = 50 * 1024**2  # bytes, uploaded directly
LARGEST_CODE = 250 * 1024**2  # bytes, unzipped

MODE = 0o100644  # a file that everybody may read, which Lambda needs
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
FOLDERS_LEFT_OUT = frozenset({"__pycache__", "tests", "smoke"})
# What does not run must not make a new version: the locks' own text, and who installed a package, how and where.
FILES_LEFT_OUT = frozenset({"requirements.in", "requirements.txt"})
FILES_LEFT_OUT |= {"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json"}


class BundleError(pulumi.RunError):
    """Lambda would not take or not run this bundle. Pulumi shows it without a traceback."""


@dataclass(frozen=True)
class Bundle:
    """A zip on disk. `digest` is what Lambda will report as CodeSha256; `files` are the names in the zip, sorted."""

    path: Path
    handler: str
    digest: str
    files: tuple[str, ...]


def build(service: str, repository: Path) -> Bundle:
    """Zip the folder `app/SERVICE`, whose handler is `app.SERVICE.main.handler`, with its locked packages.

    The zip is `dist/SERVICE.zip`, written only when its bytes would change. Raises BundleError where the handler is
    missing, a package is not what the lock says or not pure Python, or Lambda's limits are passed.
    """
    handler, lock = f"app.{service}.main.handler", f"app/{service}/requirements.txt"
    contents = dict(_sources(repository, ("app/__init__.py", f"app/{service}")))
    _find_handler(handler, contents)
    for name, version in _locked(repository / lock).items():
        contents.update(_package(name, version, lock))
    return _zip(service, repository, handler, contents)


def hooks(services: Sequence[str], repository: Path) -> dict[str, Bundle]:
    """The hooks by name, in one zip: the folder `app/hooks` and what the services' smoke events are.

    The handler of each is `app.hooks.NAME.handler`. They have no packages. Raises BundleError as `build` does.
    """
    contents = dict(_sources(repository, ("app/__init__.py", "app/hooks")))
    for service in services:
        for file in sorted((repository / "app" / service / "smoke").glob("*.json")):
            contents[file.relative_to(repository).as_posix()] = file.read_bytes()
    handlers = {name: f"app.hooks.{name}.handler" for name in (SMOKE, BAKE)}
    for handler in handlers.values():
        _find_handler(handler, contents)
    return {name: _zip("hooks", repository, handler, contents) for name, handler in handlers.items()}


def _zip(name: str, repository: Path, handler: str, contents: Mapping[str, bytes]) -> Bundle:
    """`dist/NAME.zip`, written where its bytes changed."""
    zipped = pack(contents)
    _check_size(handler, contents, len(zipped))
    path = repository.resolve() / "dist" / f"{name}.zip"
    if not path.exists() or path.read_bytes() != zipped:
        _write(path, zipped)
    digest = base64.b64encode(hashlib.sha256(zipped).digest()).decode()
    return Bundle(path, handler, digest, tuple(sorted(contents)))


def pack(contents: Mapping[str, bytes]) -> bytes:
    """The bytes of a zip with these files; they depend on names and contents alone."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = MODE << 16
            archive.writestr(entry, contents[name])
    return zipped.getvalue()


def _sources(repository: Path, sources: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for source in sources:
        root = repository / source
        if not root.exists():
            raise BundleError(f"{source} is to go into the bundle, but {root} does not exist; create it")
        for file in [root] if root.is_file() else sorted(root.rglob("*")):
            name = file.relative_to(repository)
            if file.is_file() and _belongs(name):
                yield name.as_posix(), file.read_bytes()


def _belongs(name: PurePath) -> bool:
    hidden = any(part.startswith(".") for part in name.parts)  # also "..", where pip notes a package's console scripts
    return not hidden and name.name not in FILES_LEFT_OUT and FOLDERS_LEFT_OUT.isdisjoint(name.parts)


def _find_handler(handler: str, contents: Mapping[str, bytes]) -> None:
    """Only looks, and runs nothing: what fails at import is the canary's to find."""
    module, _, name = handler.rpartition(".")
    file = module.replace(".", "/") + ".py"
    if file not in contents:
        raise BundleError(f"the handler {handler} needs {file}, which is not in the bundle; correct the handler's name")
    try:
        statements = ast.parse(contents[file]).body
    except SyntaxError as error:
        raise BundleError(f"{file}, line {error.lineno}, is not Python ({error.msg}); correct it") from None
    if name not in set(_names(statements)):
        raise BundleError(f"the handler {handler} is not in the bundle: {file} defines no {name}; define or rename it")


def _names(statements: Iterable[ast.AST]) -> Iterator[str]:
    """What a module binds at its top level, also under an `if` or a `try`."""
    for statement in statements:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.If() | ast.Try() | ast.With() | ast.ExceptHandler():
                yield from _names(ast.iter_child_nodes(statement))


def _locked(lock: Path) -> dict[str, str]:
    """Version by package, from lines such as `jmespath==1.1.0 \\`."""
    if not lock.exists():
        raise BundleError(f"the bundle's packages are locked in {lock}, which does not exist; run `make lock`")
    found = re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", lock.read_text(), re.MULTILINE)
    return dict(found)


def _package(name: str, version: str, lock: str) -> Iterator[tuple[str, bytes]]:
    """The installed files of a package, as they lie in site-packages."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise BundleError(f"{lock} wants {name} {version}, which is not installed; run `make venvs`") from None
    if package.version != version:
        raise BundleError(f"{lock} wants {name} {version}, but {package.version} is installed; run `make venvs`")
    wheel = package.read_text("WHEEL") or ""
    if "Root-Is-Purelib: true" not in wheel:
        raise BundleError(
            f"{name} {version} is not pure Python, so its files are for this machine and not for Lambda's; "
            "choose a pure package, or build its layer for Lambda"
        )
    for file in package.files or ():
        if _belongs(file):
            yield file.as_posix(), Path(str(file.locate())).read_bytes()


def _check_size(handler: str, contents: Mapping[str, bytes], zipped: int) -> None:
    unzipped = sum(map(len, contents.values()))
    largest = ", ".join(sorted(contents, key=lambda name: -len(contents[name]))[:3])
    for size, limit, what in ((unzipped, LARGEST_CODE, "unzipped"), (zipped, LARGEST_ZIP, "as an uploaded zip")):
        if size > limit:
            raise BundleError(
                f"the bundle of {handler} has {size:,} bytes {what}, and Lambda takes {limit:,}; "
                f"take something out (the largest files: {largest})"
            )


def _write(path: Path, zipped: bytes) -> None:
    """All of it or nothing, for another `pulumi up` may read the same file now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(zipped)
    Path(scratch.name).replace(path)
