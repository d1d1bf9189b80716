"""A service in TypeScript is one module, with the same bytes everywhere; what does not fit is refused by name."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from infra import bundle
from infra.bundle import Bundle, BundleError
from infra.bundle import zips as zips_module
from infra.services import NODE
from infra.services.reader import parse
from tests.unit.npm_kit import MAIN, greeter, install, package, repository, write


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return repository(tmp_path / "one")


def build(repository: Path) -> Bundle:
    declared = parse("demo", (repository / "app/demo/service.yaml").read_bytes())
    return bundle.build("demo", repository, runtime=declared.runtime, handler=declared.lambda_handler)


def contents(built: Bundle) -> dict[str, bytes]:
    with zipfile.ZipFile(built.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refusal(repository: Path) -> str:
    with pytest.raises(BundleError) as caught:
        build(repository)
    assert not (repository / "dist").exists()
    return str(caught.value)


def test_the_zip_holds_one_module_which_runs_alone_and_its_source_map(demo: Path, tmp_path: Path) -> None:
    built = build(demo)
    assert built.files == ("main.mjs", "main.mjs.map")
    assert built.handler == "main.handler"
    (tmp_path / "main.mjs").write_bytes(contents(built)["main.mjs"])
    script = f'console.log((await import("{tmp_path}/main.mjs")).handler("you"))'
    command = ["node", "--input-type=module", "--eval", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "hello you\n"


def test_the_source_map_has_relative_sources_without_their_content(demo: Path) -> None:
    found = contents(build(demo))
    assert found["main.mjs"].endswith(b"//# sourceMappingURL=main.mjs.map\n")
    mapped = json.loads(found["main.mjs.map"])
    assert mapped["sources"] == ["node_modules/greeter/index.js", "src/main.ts"]
    assert "sourcesContent" not in mapped


def test_the_bytes_depend_on_no_path_time_or_environment(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository(tmp_path / "quite another" / "two")
    for file in (other / "app/demo").rglob("*"):
        os.utime(file, (1, 1))
        file.chmod(0o777)
    first = build(demo)
    monkeypatch.setenv("NODE_OPTIONS", "--no-such-option")
    monkeypatch.setenv("NODE_PATH", str(demo))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert contents(build(other)) == contents(first)
    assert build(other).digest == first.digest


def test_a_configuration_of_typescript_beside_the_repository_changes_nothing(demo: Path, tmp_path: Path) -> None:
    first = build(demo)
    write(tmp_path, "tsconfig.json", {"compilerOptions": {"target": "es5", "experimentalDecorators": True}})
    assert build(demo).digest == first.digest


def test_a_changed_source_or_package_changes_the_digest(demo: Path) -> None:
    digests = [build(demo).digest]
    write(demo, "app/demo/src/main.ts", MAIN.replace("greet(name)", "greet(name + name)"))
    digests.append(build(demo).digest)
    package(demo, "greeter", {"index.js": 'export const greet = (name) => "bye " + name;\n'})
    digests.append(build(demo).digest)
    assert len(set(digests)) == 3


def test_a_file_that_git_ignores_is_not_bundled(demo: Path) -> None:
    write(demo, "app/demo/src/secret.ts", "export const key = 1;\n")
    write(demo, ".gitignore", "secret.ts\nnode_modules\n")
    subprocess.run(["git", "init", "-q"], cwd=demo, check=True)
    subprocess.run(["git", "add", "app/demo"], cwd=demo, check=True)
    assert build(demo).ignored == ("app/demo/src/secret.ts",)
    write(demo, "app/demo/src/main.ts", f'{MAIN}export {{ key }} from "./secret";\n')
    with pytest.raises(BundleError, match=r'app/demo/src/main\.ts:4:20: Could not resolve "\./secret"'):
        build(demo)


def test_the_packages_of_the_bundle_are_those_whose_code_it_imports(demo: Path) -> None:
    about = greeter(integrity="sha512-other")
    install(demo, greeter=greeter(), polite=about, unused=about)
    package(demo, "unused", {"index.js": "export const nothing = 0;\n"})
    package(demo, "polite", {"index.js": 'export { greet } from "greeter";\n'}, license="Apache-2.0")
    write(demo, "app/demo/src/main.ts", MAIN.replace('"greeter"', '"polite"'))
    found = [(each.reference, each.license, each.requires, each.kind) for each in build(demo).packages]
    assert found == [
        ("greeter@1.0.0", "MIT", (), "npm"),
        ("polite@1.0.0", "Apache-2.0", ("greeter@1.0.0",), "npm"),
    ]


def test_another_module_and_function_may_be_the_handler(demo: Path) -> None:
    write(demo, "app/demo/src/job.ts", "export async function run(): Promise<void> {}\n")
    built = bundle.build("demo", demo, runtime=NODE, handler="job.run")
    assert (built.handler, built.files) == ("job.run", ("job.mjs", "job.mjs.map"))


@pytest.mark.parametrize(
    "main",
    [
        "export async function handler(): Promise<void> {}",
        "const made = (): void => {};\nexport { made as handler };",
        'export { greet as handler } from "greeter";',
        'export * from "./made";',
    ],
)
def test_a_handler_is_found_however_it_is_exported(demo: Path, main: str) -> None:
    write(demo, "app/demo/src/made.ts", "export function handler(): void {}\n")
    write(demo, "app/demo/src/main.ts", main + "\n")
    assert build(demo).files


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        (
            "export const other = 1;",
            "is not exported by app/demo/src/main.ts, which exports other; export or rename it",
        ),
        ("function handler(): void {}\nhandler();", "which exports nothing; export or rename it"),
        ("export const handler = ;", "app/demo/src/main.ts:1:23: Unexpected"),
        (
            'import "left-pad";',
            'app/demo/src/main.ts:1:7: Could not resolve "left-pad"; correct it, or add the package',
        ),
        ('export { handler } from "../../../outside";', 'Could not resolve "../../../outside"'),
    ],
)
def test_a_handler_that_is_not_there_or_cannot_be_bundled_is_refused(demo: Path, main: str, expected: str) -> None:
    write(demo, "app/demo/src/main.ts", main)
    write(demo, "outside.ts", "export const handler = 1;\n")
    assert expected in refusal(demo)


def test_each_file_that_is_missing_is_named_with_its_remedy(demo: Path) -> None:
    for name in ("src/main.ts", "package-lock.json"):
        (demo / "app/demo" / name).unlink()
    assert refusal(demo) == (
        "the bundle of app/demo has 2 mistakes; nothing was uploaded:\n"
        "  - the handler main.handler needs app/demo/src/main.ts, which does not exist; write it or name another\n"
        "  - app/demo/package-lock.json, which locks its packages, does not exist; run `make lock` and commit it"
    )


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"resolved": "https://registry.example/greeter.tgz"}, "greeter 1.0.0 with the address of a registry"),
        ({"hasInstallScript": True}, "greeter 1.0.0, which has an install script, and a bundle runs none"),
        ({"os": ["linux"], "cpu": ["x64", "arm64"]}, "compiled for one platform (os linux, cpu x64 or arm64)"),
    ],
)
def test_a_locked_package_that_no_bundle_may_have_is_named(demo: Path, entry: dict[str, object], expected: str) -> None:
    install(demo, greeter=greeter(**entry))
    found = refusal(demo)
    assert "\n  - app/demo/package-lock.json has greeter 1.0.0" in found
    assert expected in found


def test_a_package_from_a_folder_or_from_git_is_refused(demo: Path) -> None:
    install(demo, greeter={"version": "1.0.0", "resolved": "git+ssh://git@example.com/greeter.git"})
    assert "greeter 1.0.0 without a hash: it comes from a folder or from git; take one from a registry" in refusal(demo)


@pytest.mark.parametrize("file", ["build/Release/fast.node", "binding.gyp"])
def test_a_package_with_a_native_part_is_named(demo: Path, file: str) -> None:
    package(demo, "greeter", {"index.js": "export const greet = 1;\n", file: "binary"})
    assert f"greeter 1.0.0, which has a native part ({file}); choose a package in plain JavaScript" in refusal(demo)


def test_tools_for_development_may_have_what_a_bundle_may_not(demo: Path) -> None:
    write(demo, "app/demo/src/main.ts", "export const handler = 1;\n")
    install(demo, greeter=greeter(dev=True, hasInstallScript=True, os=["linux"]))
    assert build(demo).packages == ()
    write(demo, "app/demo/src/main.ts", MAIN)
    with pytest.raises(BundleError) as caught:
        build(demo)
    assert "greeter is imported, but app/demo/package.json has it for development alone" in str(caught.value)


def test_every_difference_between_lock_and_package_json_is_named(demo: Path) -> None:
    file = demo / "app/demo/package.json"
    about = json.loads(file.read_text())
    about["dependencies"] = {"greeter": "2.0.0", "polite": "^1.0.0"}
    file.write_text(json.dumps(about))
    found = refusal(demo)
    assert "package.json has dependencies greeter 2.0.0, and app/demo/package-lock.json 1.0.0; run `make lock`" in found
    assert "package.json has dependencies polite ^1.0.0, and app/demo/package-lock.json not at all" in found


def test_a_lock_of_another_form_is_refused(demo: Path) -> None:
    write(demo, "app/demo/package-lock.json", {"lockfileVersion": 1, "dependencies": {}})
    assert "app/demo/package-lock.json has lockfileVersion 1, not 3; write it again by `make lock`" in refusal(demo)
    write(demo, "app/demo/package-lock.json", "{")
    refused = refusal(demo)
    assert "app/demo/package-lock.json is not JSON" in refused
    assert refused.endswith("write it again by `make lock`")


def test_a_package_that_is_missing_another_or_edited_is_named(demo: Path) -> None:
    record = demo / "app/demo/node_modules/.package-lock.json"
    held = json.loads(record.read_text())
    write(demo, "app/demo/node_modules/greeter/index.js", "export const greet = 2;\n")
    assert "app/demo/node_modules/greeter/index.js has not the bytes that were installed" in refusal(demo)
    held["packages"]["node_modules/greeter"]["integrity"] = "sha512-other"
    record.write_text(json.dumps(held))
    assert "greeter 1.0.0, but 1.0.0 is installed, or other bytes; run `make venvs`" in refusal(demo)
    record.write_text(json.dumps({"packages": {}}))
    assert "greeter 1.0.0, which is not installed; run `make venvs`" in refusal(demo)
    record.unlink()
    assert "are not installed in" in refusal(demo)


def test_an_esbuild_that_is_not_the_locked_one_is_refused(demo: Path) -> None:
    lock = demo / "app/package-lock.json"
    lock.write_text(
        lock.read_text().replace(
            '"node_modules/esbuild": {\n      "version": "', '"node_modules/esbuild": {\n      "version": "9'
        )
    )
    assert "app/package-lock.json has esbuild 9" in refusal(demo)
    (demo / "app/node_modules").unlink()
    assert "esbuild, which bundles TypeScript, is not in app/node_modules; run `make venvs`" in refusal(demo)


def test_a_bundle_needs_no_node(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(demo)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(tools))
    assert shutil.which("node") is None
    assert build(demo).digest == first.digest


def test_an_esbuild_of_another_machine_is_refused_with_the_remedies(demo: Path, tmp_path: Path) -> None:
    installed = demo / "app/node_modules"
    copied = tmp_path / "copied"
    shutil.copytree(installed.resolve() / "@esbuild", copied / "@esbuild")
    installed.unlink()
    installed.symlink_to(copied)
    (program,) = copied.glob("@esbuild/*/bin/esbuild")
    program.unlink()
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    found = refusal(demo)
    assert "does not run on this machine" in found
    assert "`make venvs`, or set STRATA_MANIFEST" in found


def test_a_bundle_over_lambdas_limits_is_refused(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips_module, "LARGEST_ZIP", 500)
    found = refusal(demo)
    assert "bytes as an uploaded zip, and Lambda accepts 500; remove something" in found
    assert build_for_a_bucket(demo).files


def build_for_a_bucket(repository: Path) -> Bundle:
    return bundle.build("demo", repository, runtime=NODE, packages=[])
