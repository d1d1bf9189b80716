"""Node's packages: installed once from their lock, whole or not at all; the checks and tests of what uses them."""

import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.toolchain import node
from local.toolchain.golang import ToolchainError

ROOT = Path(__file__).resolve().parents[3]
NPM = """#!/bin/sh
# Stands in for npm: it installs one package, slowly enough for another to begin meanwhile.
echo "$@" >> "$NPM_RAN"
mkdir "$NPM_RAN.busy" || { echo two at once >&2; exit 1; }
trap 'rmdir "$NPM_RAN.busy"' EXIT
if [ -n "$NPM_FAILS" ]; then rm -rf node_modules/demo; exit 1; fi
mkdir -p node_modules && rm -rf node_modules/* && mkdir node_modules/demo && echo half > node_modules/demo/index.js
sleep 0.2
echo whole > node_modules/demo/index.js
"""
NODE = "#!/bin/sh\necho ${NODE_SAYS:-v22.1.0}\n"
MAIN = "export const answer = (): number => 42;\n"
TEST = """import assert from "node:assert/strict";
import { test } from "node:test";

import { answer } from "../src/main";

test("the answer is right", () => {
  assert.equal(answer(), 42);
});
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a service, with npm and node that stand in for the real ones."""
    for name, text in (("npm", NPM), ("node", NODE)):
        write(tmp_path, f"bin/{name}", text).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("NPM_RAN", str(tmp_path / "ran"))
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    for name in ("app", "app/demo"):
        write(tmp_path, f"{name}/package.json", "{}")
        write(tmp_path, f"{name}/package-lock.json", "{}")
    return tmp_path / "app/demo"


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def runs(service: Path) -> int:
    ran = service.parents[1] / "ran"
    return len(ran.read_text().splitlines()) if ran.exists() else 0


def fill(service: str) -> None:
    node.sync(Path(service))


def test_packages_are_installed_once_for_a_lock_without_running_their_scripts(service: Path) -> None:
    node.sync_all(service.parents[1])
    node.sync_all(service.parents[1])
    assert runs(service) == 2  # the tools and the service
    assert {line.split()[:2] == ["ci", "--ignore-scripts"] for line in said(service)} == {True}
    write(service, "package-lock.json", '{"changed": true}')
    node.sync_all(service.parents[1])
    assert runs(service) == 3


def said(service: Path) -> list[str]:
    return (service.parents[1] / "ran").read_text().splitlines()


def test_each_installed_file_has_its_hash_in_the_record(service: Path) -> None:
    node.sync(service)
    found = json.loads((service / "node_modules/.strata-files.json").read_text())
    assert found == {"demo/index.js": hashlib.sha256(b"whole\n").hexdigest()}


def test_two_at_once_install_once(service: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=fill, args=(str(service),)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(300)
    assert [each.exitcode for each in both] == [0, 0]
    assert runs(service) == 1
    assert (service / "node_modules/demo/index.js").read_text() == "whole\n"


def test_an_installation_killed_midway_is_not_taken_for_a_whole_one(service: Path) -> None:
    node.sync(service)
    write(service, "package-lock.json", '{"changed": true}')
    run = multiprocessing.get_context("spawn").Process(target=fill, args=(str(service),))
    run.start()
    while runs(service) < 2 and run.is_alive():
        time.sleep(0.01)
    run.kill()
    run.join(60)
    assert not (service / "node_modules/.strata-lock").exists()
    node.sync(service)
    assert runs(service) == 3
    assert (service / "node_modules/demo/index.js").read_text() == "whole\n"


def test_an_installation_that_fails_is_tried_again_for_the_earlier_lock_too(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.sync(service)
    write(service, "package-lock.json", '{"changed": true}')
    monkeypatch.setenv("NPM_FAILS", "1")
    with pytest.raises(subprocess.CalledProcessError):
        node.sync(service)
    monkeypatch.delenv("NPM_FAILS")
    write(service, "package-lock.json", "{}")
    node.sync(service)
    assert (service / "node_modules/demo/index.js").read_text() == "whole\n"


def test_shared_packages_of_another_checkout_are_not_changed(service: Path, tmp_path: Path) -> None:
    write(tmp_path, "shared/demo/index.js", "another's\n")
    (service / "node_modules").symlink_to(tmp_path / "shared", target_is_directory=True)
    node.sync(service)
    assert (tmp_path / "shared/demo/index.js").read_text() == "another's\n"
    assert (service / "node_modules/demo/index.js").read_text() == "whole\n"


def test_a_package_json_without_a_lock_is_an_error_with_the_remedy(service: Path) -> None:
    (service / "package-lock.json").unlink()
    with pytest.raises(ToolchainError, match=r"package\.json has no package-lock\.json beside it; run `make lock`"):
        node.sync_all(service.parents[1])


def test_a_machine_without_node_or_with_an_old_one_reads_what_to_install(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_SAYS", "v20.18.3")
    with pytest.raises(ToolchainError, match=r"Node 20\.19 or newer, not v20\.18\.3; install Node 22 or 24"):
        node.sync_all(service.parents[1])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolchainError, match=r"need `node` and `npm` on PATH, Node 20\.19 or newer; install"):
        node.sync_all(service.parents[1])


def test_a_repository_without_typescript_needs_no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "app/orders").mkdir(parents=True)
    node.sync_all(tmp_path)
    node.lock_all(tmp_path, upgrade=False)
    assert node.check(tmp_path)
    assert node.test(tmp_path)


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    """A repository with a service in TypeScript, checked and tested by this repository's own tools."""
    for name in ("package.json", "tsconfig.json", "eslint.config.js"):
        write(tmp_path, f"app/{name}", (ROOT / "app" / name).read_text())
    (tmp_path / "app/node_modules").symlink_to(ROOT / "app/node_modules", target_is_directory=True)
    (tmp_path / "app/demo/node_modules").mkdir(parents=True)
    write(tmp_path, "app/demo/package.json", '{"type": "module"}')
    write(tmp_path, "app/demo/src/main.ts", MAIN)
    write(tmp_path, "app/demo/tests/main.test.ts", TEST)
    return tmp_path


MISTAKES = {
    "TS2322": 'export const answer = (): number => "42";\n',
    "TS2532": "export const answer = (given: string[]): number => given[0].length;\n",
    "@typescript-eslint/no-explicit-any": "export const answer = (): any => 42;\n",
    "no-floating-promises": "export const answer = (): void => {\n  void 0;\n  Promise.resolve();\n};\n",
}


def test_mistakes_of_types_and_of_style_fail_the_check_and_all_are_named(
    typed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, main in enumerate(MISTAKES.values()):
        write(typed, f"app/demo/src/mistake{number}.ts", main)
    assert not node.check(typed)
    said = capfd.readouterr().out
    assert [reason for reason in MISTAKES if reason not in said] == []


def test_a_service_without_mistakes_passes_check_and_test(typed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert node.check(typed), capfd.readouterr().out
    assert node.test(typed), capfd.readouterr().out
    assert list((typed / "app/demo/node_modules").iterdir()) == []


def test_a_failing_test_fails_and_names_the_line_of_its_source(typed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(typed, "app/demo/src/main.ts", MAIN.replace("42", "41"))
    assert not node.test(typed)
    said = capfd.readouterr().out
    assert "the answer is right" in said
    assert "main.test.ts:7" in said


def test_a_service_without_tests_is_an_error(typed: Path) -> None:
    shutil.rmtree(typed / "app/demo/tests")
    with pytest.raises(ToolchainError, match=r"app/demo has no tests/\*\.test\.ts; write one"):
        node.test(typed)


def test_a_test_reaches_no_account_of_the_users(typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    write(typed, "app/demo/tests/main.test.ts", TEST.replace("answer(), 42", "process.env['AWS_PROFILE'], undefined"))
    assert node.test(typed)


def test_the_command_line_knows_check_and_test_alone() -> None:
    command = [sys.executable, "-m", "local.toolchain", "node", "build"]
    tried = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert tried.returncode == 2
    assert "local.toolchain node check" in tried.stderr
