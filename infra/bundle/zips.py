"""The zip: entries are sorted, their times and modes fixed, and they are stored.

What deflate makes of a file depends on the zlib that is installed. The code comes from the repository, its packages
from an environment where they must be what the app's own lock says.
"""

import ast
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePath

from infra.bundle import sources
from infra.bundle.model import Bundle, BundleError, Platform, digest
from infra.bundle.packages import Package, read
from infra.bundle.sources import Sources
from infra.naming import HOOKS

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_ZIP = 50 * 1024**2  # bytes, uploaded directly; a zip in a bucket may be as large as what is in it
LARGEST_CODE = 250 * 1024**2  # bytes, unzipped

PROGRAM = 0o100755  # one that everybody may run
MODE = 0o100644  # a file that everybody may read, which Lambda needs
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
DEFAULT = Platform()
ANY = "*"


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
    found = sources.read(repository, ("app/__init__.py", f"app/{service}"))
    _find_handler(handler, found.contents)
    held = read(repository, lock_of(service), platform, wheels=None) if packages is None else packages
    together = _together(service, found, held)
    return _zip(service, repository, handler, together, uploaded=packages is None)


def _together(service: str, own: Sources, packages: Sequence[Package]) -> Sources:
    """The service's own files and those of its packages. Raises BundleError where two of them want one name."""
    contents, programs = dict(own.contents), own.programs
    owner = dict.fromkeys(contents, f"app/{service}")
    for package in packages:
        for name, content in package.files.items():
            if contents.get(name, content) != content:
                raise BundleError(
                    f"{name} is in {owner[name]} and, with other bytes, in {package.name} {package.version}, but a "
                    "bundle has one file of a name; take one of the two out, or another version of it"
                )
            contents[name] = content
            owner.setdefault(name, f"{package.name} {package.version}")
        programs |= package.programs
    return Sources(contents, programs, own.ignored)


def hooks(services: Sequence[str], repository: Path) -> dict[str, Bundle]:
    """The hooks by name, in one zip: the folder `app/hooks` and what the services' smoke events are.

    The handler of each is `app.hooks.NAME.handler`. They have no packages. Raises BundleError as `build` does.
    """
    own = sources.read(repository, ("app/__init__.py", "app/hooks"))
    folders = [folder for service in services if (repository / (folder := f"app/{service}/smoke")).exists()]
    events = sources.read(repository, folders, _is_event) if folders else Sources({})
    found = Sources(
        {**own.contents, **events.contents}, own.programs | events.programs, (*own.ignored, *events.ignored)
    )
    handlers = {name: hook_handler(name) for name in HOOKS}
    for handler in handlers.values():
        _find_handler(handler, found.contents)
    return {name: _zip("hooks", repository, handler, found, uploaded=True) for name, handler in handlers.items()}


def _is_event(name: PurePath) -> bool:
    return name.suffix == ".json" and name.parent.name == "smoke"


def _zip(name: str, repository: Path, handler: str, found: Sources, *, uploaded: bool) -> Bundle:
    """`dist/NAME.zip`, written where its bytes changed."""
    zipped = pack(found.contents, found.programs)
    _check_size(handler, found.contents, len(zipped) if uploaded else 0)
    path = repository.resolve() / "dist" / f"{name}.zip"
    if not path.exists() or path.read_bytes() != zipped:
        write(path, zipped)
    return Bundle(path, handler, digest(zipped), tuple(sorted(found.contents)), found.ignored)


def pack(contents: Mapping[str, bytes], programs: Set[str] = frozenset()) -> bytes:
    """The bytes of a zip with these files; they depend on names, contents and which are executable alone."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = (PROGRAM if name in programs else MODE) << 16
            archive.writestr(entry, contents[name])
    return zipped.getvalue()


def _find_handler(handler: str, contents: Mapping[str, bytes]) -> None:
    """Only looks, and runs nothing: what fails at import is the canary's to find."""
    module, _, name = handler.rpartition(".")
    file = module.replace(".", "/") + ".py"
    if file not in contents:
        raise BundleError(f"the handler {handler} needs {file}, which is not in the bundle; correct the handler's name")
    try:
        module_ = ast.parse(contents[file])
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}," if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise BundleError(f"{file}{line} is not Python ({reason}); correct it") from None
    kinds = {kind for bound, kind in _bound(module_) if bound in {name, ANY}}
    if kinds == {ast.AsyncFunctionDef}:
        raise BundleError(
            f"the handler {handler} is an `async def`, and Lambda's Python does not await what it calls; make it a "
            "`def` that runs it, e.g. by asyncio.run"
        )
    if not kinds:
        raise BundleError(f"the handler {handler} is not in the bundle: {file} defines no {name}; define or rename it")


def _bound(node: ast.AST) -> Iterator[tuple[str, type[ast.AST]]]:
    """The names that a module binds at its top level, however, and by what; ANY where it imports all of another's."""
    for each in ast.iter_child_nodes(node):
        match each:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, type(each)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, ast.Name
            case ast.alias(name=name, asname=other):
                yield other or (ANY if name == ANY else name.partition(".")[0]), ast.alias
            case ast.AnnAssign(value=None) | ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                pass
            case ast.GeneratorExp():
                pass
            case ast.ExceptHandler():  # its own name is gone after it
                yield from _bound(ast.Module(each.body, []))
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, ast.Name
                yield from _bound(each)
            case _:
                yield from _bound(each)


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
