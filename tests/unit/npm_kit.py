"""A repository with a service in TypeScript, whose packages are made by hand as npm would have installed them."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MAIN = 'import { greet } from "greeter";\n\nexport const handler = (name: string): string => greet(name);\n'


def write(repository: Path, name: str, content: str | dict[str, Any]) -> Path:
    file = repository / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def greeter(**about: Any) -> dict[str, Any]:
    """Return a package of one module. `about`: what its entry in the lock has beside version and hash."""
    return {"version": "1.0.0", "integrity": "sha512-greeter", **about}


def repository(folder: Path, main: str = MAIN, **packages: dict[str, Any]) -> Path:
    """Write a repository with the service `demo`, which has the package `greeter` and those in `packages`."""
    shutil.copytree(
        ROOT / "app", folder / "app", ignore=lambda _, names: {*names} - {"package.json", "package-lock.json"}
    )
    (folder / "app/node_modules").symlink_to(ROOT / "app/node_modules", target_is_directory=True)
    write(folder, "app/demo/service.yaml", "runtime: node\n")
    write(folder, "app/demo/src/main.ts", main)
    install(folder, greeter=greeter(), **packages)
    module = 'export const greet = (name) => "hello " + name;\n'
    package(folder, "greeter", {"index.js": module, "LICENSE": "free"}, license="MIT")
    return folder


def install(folder: Path, **packages: dict[str, Any]) -> None:
    """Write package.json, the lock, and npm's record of these packages, which nothing else of the service needs."""
    wanted = {name: entry["version"] for name, entry in packages.items()}
    entries = {f"node_modules/{name}": entry for name, entry in packages.items()}
    about = {"name": "demo", "type": "module", "dependencies": wanted}
    write(folder, "app/demo/package.json", about)
    write(folder, "app/demo/package-lock.json", {"lockfileVersion": 3, "packages": {"": about, **entries}})
    write(folder, "app/demo/node_modules/.package-lock.json", {"lockfileVersion": 3, "packages": entries})


def package(folder: Path, name: str, files: dict[str, str], **about: Any) -> None:
    """Write the files of a package, and their hashes as `make venvs` does."""
    place = f"app/demo/node_modules/{name}"
    content = {"name": name, "version": "1.0.0", "type": "module", "main": "index.js", **about}
    for file, text in {**files, "package.json": json.dumps(content)}.items():
        write(folder, f"{place}/{file}", text)
    modules = folder / "app/demo/node_modules"
    hashes = {
        str(file.relative_to(modules)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in modules.rglob("*")
        if file.is_file()
    }
    write(folder, "app/demo/node_modules/.strata-files.json", hashes)
