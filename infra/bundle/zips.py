"""A bundle's zip has sorted entries with fixed times and modes, stored without compression.

They are not deflated because the compressed bytes depend on the installed zlib. The code comes from the repository,
its packages from an environment where they must be those of the app's own lock.
"""

import ast
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePath

from infra.bundle import node, sources
from infra.bundle.model import Bundle, BundleError, Platform, digest
from infra.bundle.packages import Package, read
from infra.bundle.sources import Sources, Tree
from infra.naming import HOOKS
from infra.services import NODE, PYTHON

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_ZIP = 50 * 1024**2  # bytes, uploaded directly; a zip in a bucket is bounded by its unzipped size alone
LARGEST_CODE = 250 * 1024**2  # bytes, unzipped

PROGRAM = 0o100755  # all users may run it
MODE = 0o100644  # all users may read it, which Lambda needs
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
DEFAULT = Platform()
ANY = "*"


def hook_handler(hook: str) -> str:
    """Return the handler of a hook, as Lambda names it."""
    return f"app.hooks.{hook}.handler"


def lock_of(service: str) -> str:
    """Return the file that locks a service's packages, relative to the repository."""
    return f"app/{service}/requirements.txt"


def places(service: str, runtime: str) -> tuple[str, ...]:
    """Return the files and folders of the repository that the bundle of a service is made of, beside its packages."""
    return node.places(service) if runtime == NODE else ("app/__init__.py", f"app/{service}")


def hook_places(services: Sequence[str]) -> tuple[str, ...]:
    """Return the files and folders that the hooks' bundle is made of, the services' smoke events last."""
    return ("app/__init__.py", "app/hooks", *(f"app/{service}/smoke" for service in services))


def build(
    service: str,
    repository: Path,
    platform: Platform = DEFAULT,
    *,
    runtime: str = PYTHON,
    handler: str = "",
    packages: Sequence[Package] | None = None,
    tree: Tree | None = None,
) -> Bundle:
    """Zip a service: its folder with its locked packages, or the one module that esbuild makes of both.

    `runtime`: "python" or "node". `handler`: as Lambda names it, by default `app.SERVICE.main.handler` in Python and
    `main.handler` in TypeScript. `packages`: those for a zip that Lambda will read from a bucket; None takes this
    environment's, for a zip that Pulumi uploads. `tree`: of `places`, where git was asked already. The zip is
    `dist/SERVICE.zip`, written only where its bytes change. Raises BundleError where the handler is missing, a package
    is not as locked or not made for every machine, or a limit of Lambda is exceeded.
    """
    if runtime == NODE:
        handler = handler or "main.handler"
        made = node.build(service, handler, repository, tree)
        module = Sources(made.contents, ignored=made.ignored)
        return _zip(service, repository, handler, module, uploaded=packages is None, packages=made.packages)
    handler = handler or f"app.{service}.main.handler"
    wanted = places(service, PYTHON)
    found = (tree or sources.tree(repository, wanted)).read(wanted)
    _find_handler(handler, found.contents, found.ignored)
    held = read(repository, lock_of(service), platform, wheels=None) if packages is None else packages
    together = _together(service, found, held)
    return _zip(service, repository, handler, together, uploaded=packages is None, packages=held)


def _together(service: str, own: Sources, packages: Sequence[Package]) -> Sources:
    """Return the service's own files and those of its packages. Raises BundleError where two of them share a name."""
    contents, programs = dict(own.contents), own.programs
    owner = dict.fromkeys(contents, f"app/{service}")
    for package in packages:
        for name, content in package.files.items():
            if contents.get(name, content) != content:
                raise BundleError(
                    f"{name} is in {owner[name]} and, with other bytes, in {package.name} {package.version}, but a "
                    "bundle has one file of a name; remove one of the two, or choose another version of it"
                )
            contents[name] = content
            owner.setdefault(name, f"{package.name} {package.version}")
        programs |= package.programs
    return Sources(contents, programs, own.ignored)


def hooks(services: Sequence[str], repository: Path, tree: Tree | None = None) -> dict[str, Bundle]:
    """Return the hooks by name, all in one zip: the folder `app/hooks` and the services' smoke events.

    The handler of each is `app.hooks.NAME.handler`. They have no packages. `tree`: of `hook_places`, where git was
    asked already. Raises BundleError as `build` does.
    """
    tree = tree or sources.tree(repository, hook_places(services))
    own = tree.read(hook_places(()))
    folders = [folder for folder in hook_places(services)[2:] if (repository / folder).exists()]
    events = tree.read(folders, _is_event) if folders else Sources({})
    found = Sources(
        {**own.contents, **events.contents}, own.programs | events.programs, (*own.ignored, *events.ignored)
    )
    handlers = {name: hook_handler(name) for name in HOOKS}
    for handler in handlers.values():
        _find_handler(handler, found.contents)
    return {name: _zip("hooks", repository, handler, found, uploaded=True) for name, handler in handlers.items()}


def _is_event(name: PurePath) -> bool:
    return name.suffix == ".json" and name.parent.name == "smoke"


def _zip(
    name: str, repository: Path, handler: str, found: Sources, *, uploaded: bool, packages: Sequence[Package] = ()
) -> Bundle:
    """Write `dist/NAME.zip`, unless it has these bytes already."""
    zipped = pack(found.contents, found.programs)
    _check_size(handler, found.contents, len(zipped) if uploaded else 0)
    path = repository.resolve() / "dist" / f"{name}.zip"
    if not path.exists() or path.read_bytes() != zipped:
        write(path, zipped)
    return Bundle(path, handler, digest(zipped), tuple(sorted(found.contents)), found.ignored, tuple(packages))


def pack(contents: Mapping[str, bytes], programs: Set[str] = frozenset()) -> bytes:
    """Return the bytes of a zip, which depend only on the files' names, contents and executable bits."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = (PROGRAM if name in programs else MODE) << 16
            archive.writestr(entry, contents[name])
    return zipped.getvalue()


def _find_handler(handler: str, contents: Mapping[str, bytes], ignored: Sequence[str] = ()) -> None:
    """Find the handler in the source without running it: the canary finds what fails at import."""
    module, _, name = handler.rpartition(".")
    file = module.replace(".", "/") + ".py"
    if file in ignored:
        raise BundleError(f"{file} is ignored by git, so no other machine has it; take it out of .gitignore")
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
            f"the handler {handler} is an `async def`, and Lambda's Python does not await its handler; make it a "
            "`def` that runs the coroutine, e.g. by asyncio.run"
        )
    if not kinds:
        raise BundleError(f"the handler {handler} is not in the bundle: {file} defines no {name}; define or rename it")


def _bound(node: ast.AST) -> Iterator[tuple[str, type[ast.AST]]]:
    """Yield each name that a module binds at its top level, with the node's type; ANY for a star import."""
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
            case ast.ExceptHandler():  # Python unbinds its name at the end
                yield from _bound(ast.Module(each.body, []))
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, ast.Name
                yield from _bound(each)
            case _:
                yield from _bound(each)


def _check_size(handler: str, contents: Mapping[str, bytes], zipped: int) -> None:
    """Raise BundleError where a limit is exceeded. `zipped`: bytes of a zip that is uploaded, else 0."""
    unzipped = sum(map(len, contents.values()))
    largest = ", ".join(sorted(contents, key=lambda name: -len(contents[name]))[:3])
    for size, limit, what in ((unzipped, LARGEST_CODE, "unzipped"), (zipped, LARGEST_ZIP, "as an uploaded zip")):
        if size > limit:
            raise BundleError(
                f"the bundle of {handler} has {size:,} bytes {what}, and Lambda accepts {limit:,}; "
                f"remove something (the largest files: {largest})"
            )


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step, since another `pulumi up` may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(content)
    Path(scratch.name).replace(path)
