"""A service in TypeScript is bundled by esbuild into one module, with its packages, and the module's source map.

esbuild works in a folder of its own that holds the sources as git has them, beside a link to the installed packages:
so the bytes depend neither on this checkout's path nor on any file that git does not know.
https://esbuild.github.io/api/
"""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from infra.bundle import npm, sources
from infra.bundle.model import BundleError
from infra.bundle.npm import LOCK, MANIFEST, MODULES, Lock
from infra.bundle.packages import Package

TARGET = "node22"  # the oldest Node that Lambda offers to new functions
# Code that came as CommonJS asks for Node's own modules by `require`, which a module in ESM has not.
BANNER = 'import { createRequire as strataRequire } from "node:module"; const require = strataRequire(import.meta.url);'
META = "meta.json"
TOOLS = f"app/{MODULES}"
OPTIONS = (
    "--bundle",
    "--platform=node",
    "--format=esm",
    f"--target={TARGET}",
    "--main-fields=module,main",
    "--preserve-symlinks",
    "--sourcemap=linked",
    "--sources-content=false",
    '--tsconfig-raw={"compilerOptions":{"strict":true,"verbatimModuleSyntax":true}}',
    f"--banner:js={BANNER}",
    f"--metafile={META}",
    "--charset=utf8",
    "--color=false",
    "--log-level=error",
    "--log-limit=0",
)
_ERROR = re.compile(r"\[ERROR\] (?P<text>.*)\n(?:\n +(?P<where>\S+:\d+:\d+):\n)?")


@dataclass(frozen=True)
class Built:
    """The files of a zip, by name; the packages that are in them; the service's files that git ignores."""

    contents: Mapping[str, bytes]
    packages: tuple[Package, ...]
    ignored: tuple[str, ...]


def places(service: str) -> tuple[str, ...]:
    """Return the files and folders of the repository that a bundle is made of, beside its packages."""
    return (f"app/{service}/src", f"app/{service}/{MANIFEST}", f"app/{service}/{LOCK}")


def build(service: str, handler: str, repository: Path, tree: sources.Tree | None = None) -> Built:
    """Bundle `app/SERVICE/src/MODULE.ts` into `MODULE.mjs` and `MODULE.mjs.map`; `handler` is MODULE.FUNCTION.

    Raises BundleError with every mistake: no source or lock, a lock that does not match, a package that is not as
    locked, has an install script or a native part, an import that is missing, a handler that is not exported.
    """
    module = handler.partition(".")[0]
    folder, entry = f"app/{service}", f"src/{module}.ts"
    npm.refuse(service, _missing(repository, folder, entry, handler))
    own = (tree or sources.tree(repository, places(service))).read(places(service), _is_source)
    contents = {str(PurePath(name).relative_to(folder)): content for name, content in own.contents.items()}
    npm.refuse(service, _missing_from(contents, folder, entry))
    lock = npm.read(service, contents[MANIFEST], contents[LOCK])
    modules = repository / folder / MODULES
    npm.installed(lock, modules)
    esbuild = _esbuild(repository)
    with tempfile.TemporaryDirectory(prefix="strata-bundle-") as scratch:
        place = Path(scratch).resolve() / folder
        for name, content in contents.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        if modules.exists():
            (place / MODULES).symlink_to(modules.resolve(), target_is_directory=True)
        output = f"{module}.mjs"
        _run(esbuild, service, place, entry, output)
        meta = json.loads((place / META).read_bytes())
        made = {name: (place / name).read_bytes() for name in sorted(meta["outputs"])}
    npm.refuse(service, _mistakes(handler, lock, meta, modules, output))
    return Built(made, tuple(_packages(lock, meta["inputs"], modules)), own.ignored)


def _is_source(name: PurePath) -> bool:
    return not any(part.startswith(".") for part in name.parts)


def _missing(repository: Path, folder: str, entry: str, handler: str) -> Iterator[str]:
    if not (repository / folder / entry).is_file():
        yield f"the handler {handler} needs {folder}/{entry}, which does not exist; write it or name another"
    if not (repository / folder / MANIFEST).is_file():
        yield f"{folder}/{MANIFEST}, which names its packages, does not exist; write it"
    elif not (repository / folder / LOCK).is_file():
        yield f"{folder}/{LOCK}, which locks its packages, does not exist; run `make lock` and commit it"


def _missing_from(contents: Mapping[str, bytes], folder: str, entry: str) -> Iterator[str]:
    for name in (entry, MANIFEST, LOCK):
        if name not in contents:
            yield f"{folder}/{name} is ignored by git, so no other machine has it; take it out of .gitignore"


def _esbuild(repository: Path) -> Path:
    """Return the program, which must be the one that `app/package-lock.json` names: others write other bytes.

    npm installs the package `@esbuild/PLATFORM` of this machine alone. The script `.bin/esbuild` starts Node to start
    it, which takes longer than a small bundle. https://esbuild.github.io/getting-started/#additional-npm-flags
    """
    program = next((repository / TOOLS).glob("@esbuild/*/bin/esbuild"), None)
    if program is None:
        raise BundleError(f"esbuild, which bundles TypeScript, is not in {TOOLS}; run `make venvs`")
    locked = json.loads((repository / "app" / LOCK).read_bytes())["packages"][f"{MODULES}/esbuild"]["version"]
    if (version := json.loads((program.parent.parent / MANIFEST).read_bytes())["version"]) != locked:
        raise BundleError(f"app/{LOCK} has esbuild {locked}, but {version} is installed; run `make venvs`")
    return program


def _run(esbuild: Path, service: str, place: Path, entry: str, output: str) -> None:
    # Nothing of this process's environment can change the bytes: no NODE_PATH, no NODE_OPTIONS, no ESBUILD_*.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    command = [str(esbuild), entry, f"--outfile={output}", *OPTIONS]
    try:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    except OSError as problem:
        raise BundleError(
            f"esbuild, which bundles TypeScript, does not run on this machine ({problem}); install the packages here "
            f"by `make venvs`, or set STRATA_MANIFEST to deploy the bundle that `make bundle` built"
        ) from None
    if done.returncode:
        found = [
            f"app/{service}/{each['where']}: {each['text']}" if each["where"] else each["text"]
            for each in _ERROR.finditer(done.stderr)
        ]
        npm.refuse(
            service, [f"{each}; correct it, or add the package" for each in found] or [f"esbuild: {done.stderr}"]
        )


def _mistakes(handler: str, lock: Lock, meta: Mapping[str, Any], modules: Path, output: str) -> Iterator[str]:
    where, (module, _, function) = f"app/{lock.service}", handler.partition(".")
    if extra := sorted(meta["outputs"].keys() - {output, f"{output}.map"}):
        yield f"esbuild wrote {', '.join(extra)} beside {output}, and a service is one module; import no such file"
    exported = meta["outputs"][output]["exports"]
    if function not in exported:
        yield (
            f"the handler {handler} is not exported by {where}/src/{module}.ts, which exports "
            f"{', '.join(exported) or 'nothing'}; export or rename it"
        )
    used = [name for name in meta["inputs"] if name.startswith(f"{MODULES}/")]
    for name in meta["inputs"]:
        if not name.startswith((f"{MODULES}/", "src/")):
            yield f"{name} is imported, but lies outside {where}/src and its packages; move it, or add its package"
    for folder in sorted({npm.folder_of(name) for name in used}):
        if folder not in lock.entries:
            yield f"{npm.name_of(folder)} is imported, but {lock.file} does not have it; add it, and run `make lock`"
        elif folder not in lock.deployed:
            yield (
                f"{npm.name_of(folder)} is imported, but {where}/{MANIFEST} has it for development alone; make it a "
                "dependency"
            )
    yield from npm.edited(lock.service, modules, used)


def _packages(lock: Lock, inputs: Mapping[str, Any], modules: Path) -> Iterator[Package]:
    """Yield each package that a file of the bundle comes from, with those whose files it imports."""
    needs: dict[str, set[str]] = {}
    for name, about in inputs.items():
        if name.startswith(f"{MODULES}/"):
            own = npm.folder_of(name)
            others = {npm.folder_of(each["path"]) for each in about["imports"] if not each.get("external")}
            needs.setdefault(own, set()).update(others - {own})
    for folder in sorted(needs):
        yield npm.package(lock, folder, needs[folder], modules)
