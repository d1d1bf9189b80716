"""The zip: entries are sorted, their times and modes fixed, and they are stored.

What deflate makes of a file depends on the zlib that is installed. The code comes from the repository, its packages
from an environment where they must be what the app's own lock says.
"""

import ast
import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from infra.bundle.model import Bundle, BundleError, Platform, digest
from infra.bundle.packages import Package, belongs, read
from infra.naming import HOOKS

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_ZIP = 50 * 1024**2  # bytes, uploaded directly; a zip in a bucket may be as large as what is in it
LARGEST_CODE = 250 * 1024**2  # bytes, unzipped

MODE = 0o100644  # a file that everybody may read, which Lambda needs
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
DEFAULT = Platform()


def handler_of(service: str) -> str:
    """What Lambda calls of a service."""
    return f"app.{service}.main.handler"


def hook_handler(hook: str) -> str:
    """What Lambda calls of a hook."""
    return f"app.hooks.{hook}.handler"


def lock_of(service: str) -> str:
    """The file that locks a service's packages."""
    return f"app/{service}/requirements.txt"


def build(
    service: str, repository: Path, platform: Platform = DEFAULT, *, packages: Sequence[Package] | None = None
) -> Bundle:
    """Zip the folder `app/SERVICE`, whose handler is `app.SERVICE.main.handler`, with its locked packages.

    `packages`: those of a zip that Lambda will take from a bucket; without, they are this environment's, and the zip
    is to be uploaded. It is `dist/SERVICE.zip`, written only when its bytes would change. Raises BundleError where the
    handler is missing, a package is not what the lock says or not pure Python, or Lambda's limits are passed.
    """
    handler = handler_of(service)
    contents = dict(_sources(repository, ("app/__init__.py", f"app/{service}")))
    _find_handler(handler, contents)
    for package in read(repository, lock_of(service), platform, wheels=None) if packages is None else packages:
        contents.update(package.files)
    return _zip(service, repository, handler, contents, uploaded=packages is None)


def hooks(services: Sequence[str], repository: Path) -> dict[str, Bundle]:
    """The hooks by name, in one zip: the folder `app/hooks` and what the services' smoke events are.

    The handler of each is `app.hooks.NAME.handler`. They have no packages. Raises BundleError as `build` does.
    """
    contents = dict(_sources(repository, ("app/__init__.py", "app/hooks")))
    for service in services:
        for file in sorted((repository / "app" / service / "smoke").glob("*.json")):
            contents[file.relative_to(repository).as_posix()] = file.read_bytes()
    handlers = {name: hook_handler(name) for name in HOOKS}
    for handler in handlers.values():
        _find_handler(handler, contents)
    return {name: _zip("hooks", repository, handler, contents, uploaded=True) for name, handler in handlers.items()}


def _zip(name: str, repository: Path, handler: str, contents: Mapping[str, bytes], *, uploaded: bool) -> Bundle:
    """`dist/NAME.zip`, written where its bytes changed."""
    zipped = pack(contents)
    _check_size(handler, contents, len(zipped) if uploaded else 0)
    path = repository.resolve() / "dist" / f"{name}.zip"
    if not path.exists() or path.read_bytes() != zipped:
        write(path, zipped)
    return Bundle(path, handler, digest(zipped), tuple(sorted(contents)))


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
            if file.is_file() and belongs(name):
                yield name.as_posix(), file.read_bytes()


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


def _check_size(handler: str, contents: Mapping[str, bytes], zipped: int) -> None:
    """`zipped`: bytes of the zip where it is uploaded, 0 where it is not."""
    unzipped = sum(map(len, contents.values()))
    largest = ", ".join(sorted(contents, key=lambda name: -len(contents[name]))[:3])
    for size, limit, what in ((unzipped, LARGEST_CODE, "unzipped"), (zipped, LARGEST_ZIP, "as an uploaded zip")):
        if size > limit:
            raise BundleError(
                f"the bundle of {handler} has {size:,} bytes {what}, and Lambda takes {limit:,}; "
                f"take something out (the largest files: {largest})"
            )


def write(path: Path, content: bytes) -> None:
    """All of it or nothing, for another `pulumi up` may read the same file now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(content)
    Path(scratch.name).replace(path)
