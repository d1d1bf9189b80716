"""Builds by `python -m infra.artifacts build`, as `make bundle` runs it: one digest for a commit, built anywhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import bundle
from local.toolchain import environments
from rehearsal.environment.workspace import Scratch, git, share_installed
from tests.unit import wheels

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = ("fulfilment.zip", "orders.zip", "hooks.zip", "manifest.json")
HERE = {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}
THERE = {"TZ": "America/Los_Angeles", "LC_ALL": "C", "PYTHONHASHSEED": "2"}


@pytest.fixture(scope="module")
def origin() -> Iterator[Scratch]:
    """Provide a copy of this repository as it is, committed."""
    scratch = Scratch.of(ROOT)
    yield scratch
    scratch.remove()


@pytest.fixture
def clone(origin: Scratch, tmp_path: Path) -> Path:
    place = cloned(origin, tmp_path / "clone")
    share_installed(ROOT, place)
    return place


def cloned(origin: Scratch, place: Path, umask: str = "022") -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    script = 'umask "$0"; exec git clone --quiet --no-hardlinks "$1" "$2"'
    subprocess.run(["sh", "-c", script, umask, str(origin.project), str(place)], check=True)
    return place


def install(clone: Path, npm_cache: Path, umask: str = "022") -> None:
    """Install the packages of each service in TypeScript into the clone; the tools are this repository's."""
    (clone / "app/node_modules").symlink_to(ROOT / "app/node_modules", target_is_directory=True)
    program = "import pathlib\nfrom local.toolchain import node\nnode.sync(pathlib.Path('app/fulfilment').resolve())"
    command = ["sh", "-c", 'umask "$0"; exec "$@"', umask, sys.executable, "-c", program]
    subprocess.run(command, cwd=clone, env={**os.environ, "npm_config_cache": str(npm_cache)}, check=True)


def run(clone: Path, umask: str = "022", **environment: str) -> subprocess.CompletedProcess[str]:
    base = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "STRATA_"))}
    env = {**base, "PATH": f"{environments.uv().parent}:{os.environ['PATH']}", **environment}
    command = ["sh", "-c", 'umask "$0"; exec "$@"', umask, sys.executable, "-m", "infra.artifacts", "build", "--json"]
    return subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False)


def build(clone: Path, umask: str = "022", **environment: str) -> dict[str, str]:
    """Build the clone; return the digests by name."""
    done = run(clone, umask, **environment)
    assert done.returncode == 0, done.stderr
    return {name: each["digest"] for name, each in json.loads(done.stdout)["functions"].items()}


def bytes_of(clone: Path) -> dict[str, bytes]:
    return {name: (clone / "dist" / name).read_bytes() for name in WRITTEN}


def manifest(clone: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((clone / "dist/manifest.json").read_text())
    return found


@pytest.fixture(scope="module")
def built(origin: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with its bundle, which nothing changes."""
    clone = cloned(origin, tmp_path_factory.mktemp("built") / "one", umask="077")
    install(clone, tmp_path_factory.mktemp("npm"), "077")
    build(clone, "077", **HERE)
    return clone


@pytest.mark.faults
def test_two_clones_under_other_paths_umasks_times_time_zones_and_npm_caches_have_the_same_bytes(
    origin: Scratch, built: Path, tmp_path: Path
) -> None:
    other = cloned(origin, tmp_path / "quite another/folder, and deeper/two", umask="000")
    for file in (other / "app").rglob("*"):
        os.utime(file, (1, 1))
    install(other, tmp_path / "another npm cache", "000")
    build(other, "000", **THERE)
    assert bytes_of(other) == bytes_of(built)


def test_a_changed_byte_changes_the_bundle_that_it_is_in_and_no_other(built: Path, clone: Path) -> None:
    source = clone / "app/orders/main.py"
    source.write_text(source.read_text() + "\n")
    before, after = manifest(built)["functions"], build(clone)
    assert {name for name in after if after[name] != before[name]["digest"]} == {"orders"}
    assert manifest(clone)["commit"] == git(clone, "rev-parse", "HEAD") + "-dirty"


def test_a_changed_dependency_changes_the_bundle_and_stands_in_the_manifest(clone: Path, tmp_path: Path) -> None:
    lock = clone / "app/orders/requirements.txt"
    lock.with_suffix(".in").write_text("demo\n")
    found = []
    for version in ("1.0", "2.0"):
        lock.write_text(wheels.wheel(tmp_path / "wheels", "demo", version, text=version))
        found.append(build(clone, **wheels.only(tmp_path / "wheels"))["orders"])
        assert manifest(clone)["functions"]["orders"]["dependencies"] == {"demo": version}
    assert found[0] != found[1]


def test_a_dependency_without_a_wheel_for_lambda_fails_the_build_and_is_named(clone: Path, tmp_path: Path) -> None:
    tag = "cp311-cp311-macosx_11_0_arm64"
    lock = clone / "app/orders/requirements.txt"
    lock.write_text(wheels.wheel(tmp_path / "wheels", "native", tag=tag))
    lock.with_suffix(".in").write_text("native\n")
    done = run(clone, **wheels.only(tmp_path / "wheels"))
    assert done.returncode == 1
    assert "wants native 1.0, which has no wheel for python3.11 on x86_64" in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr


def test_the_digest_is_that_of_a_laptop_which_builds_by_itself(built: Path) -> None:
    made = {name: each["digest"] for name, each in manifest(built)["functions"].items()}
    assert made["orders"] == bundle.build("orders", built).digest
    assert made["fulfilment"] == bundle.build("fulfilment", built, runtime="node").digest
    assert {made["hooks"]} == {hook.digest for hook in bundle.hooks(["orders", "fulfilment"], built).values()}


def test_the_manifest_is_of_the_commit_and_its_time(built: Path) -> None:
    found = manifest(built)
    assert found["commit"] == git(built, "rev-parse", "HEAD")
    orders = found["functions"]["orders"]
    assert orders["zipped"] == (built / "dist/orders.zip").stat().st_size
    assert orders["sbom"]["metadata"]["timestamp"] == found["committed"]
    purls = {each["purl"].partition("@")[0] for each in orders["sbom"]["components"]}
    assert "pkg:pypi/aws-lambda-powertools" in purls
    assert len(purls) == len(orders["dependencies"])


def test_a_service_in_typescript_has_its_sizes_packages_and_language_in_the_manifest(built: Path) -> None:
    fulfilment = manifest(built)["functions"]["fulfilment"]
    assert fulfilment["runtime"] == "node"
    assert fulfilment["zipped"] == (built / "dist/fulfilment.zip").stat().st_size
    purls = {each["purl"].partition("@")[0] for each in fulfilment["sbom"]["components"]}
    assert {"pkg:npm/%40aws-lambda-powertools/batch", "pkg:npm/%40aws-sdk/client-dynamodb"} <= purls
    assert len(fulfilment["sbom"]["components"]) == len(fulfilment["dependencies"])


def test_stacks_on_different_platforms_have_no_bundle(clone: Path) -> None:
    file = clone / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace("strata:compute:\n", "strata:compute:\n    architecture: arm64\n"))
    done = run(clone)
    assert done.returncode == 1
    assert "dev has python3.11 on x86_64, prod has python3.11 on arm64" in done.stderr


def test_a_folder_that_is_no_clone_has_no_bundle(clone: Path) -> None:
    (clone / ".git").rename(clone.parent / "git")
    done = run(clone, GIT_CEILING_DIRECTORIES=str(clone.parent))
    assert done.returncode == 1
    assert "clone the repository" in done.stderr
