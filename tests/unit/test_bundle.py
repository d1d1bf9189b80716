"""A bundle has the same bytes for the same sources, and contains nothing that Lambda would not accept or run."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pulumi
import pytest

from infra import bundle
from infra.bundle import Bundle, BundleError, zips
from infra.services import NODE, Service

ROOT = Path(__file__).resolve().parents[2]
JMESPATH = f"jmespath=={metadata.version('jmespath')} \\\n    --hash=sha256:0\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small app, `demo`, with one locked package."""
    write(tmp_path, "app/__init__.py", "")
    write(tmp_path, "app/demo/__init__.py", "")
    write(tmp_path, "app/demo/main.py", "def handler(event, context):\n    return event\n")
    write(tmp_path, "app/demo/requirements.txt", JMESPATH)
    return tmp_path


def write(repository: Path, name: str, text: str) -> None:
    file = repository / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def build(repository: Path) -> Bundle:
    return bundle.build("demo", repository)


def refusal(repository: Path) -> str:
    with pytest.raises(BundleError) as caught:
        build(repository)
    assert not (repository / "dist").exists()
    return str(caught.value)


def test_the_zip_holds_the_app_and_its_packages_as_python_imports_them(repository: Path) -> None:
    built = build(repository)
    with zipfile.ZipFile(built.path) as archive:
        assert archive.testzip() is None
        assert tuple(archive.namelist()) == built.files
    assert {"app/__init__.py", "app/demo/main.py", "jmespath/__init__.py"} <= set(built.files)


def test_the_code_in_the_zip_runs_with_nothing_beside_it(repository: Path) -> None:
    write(repository, "app/demo/main.py", "import jmespath\n\n\ndef handler(event, context):\n    return jmespath\n")
    built = build(repository)
    program = "import app.demo.main as m; print(m.handler({}, None).__file__)"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(built.path), "PATH": os.environ["PATH"]},
        cwd=repository / "dist",
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith(str(built.path))


def test_the_digest_is_what_lambda_will_report(repository: Path) -> None:
    built = build(repository)
    assert built.digest == base64.b64encode(hashlib.sha256(built.path.read_bytes()).digest()).decode()


def test_times_modes_and_the_order_of_files_change_nothing(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    for file in sorted((p for p in repository.rglob("*") if p.is_file()), reverse=True):
        write(other, str(file.relative_to(repository)), file.read_text())
        copy = other / file.relative_to(repository)
        copy.chmod(0o600)
        os.utime(copy, (1, 1))
    assert build(other).digest == build(repository).digest


def test_the_zip_does_not_depend_on_the_order_in_which_files_were_found() -> None:
    assert bundle.pack({"b": b"2", "a": b"1"}) == bundle.pack({"a": b"1", "b": b"2"})


def test_another_zlib_would_change_nothing_since_entries_are_stored(repository: Path) -> None:
    with zipfile.ZipFile(build(repository).path) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {entry.date_time for entry in archive.infolist()} == {bundle.EPOCH}
        assert {entry.create_system for entry in archive.infolist()} == {3}


def test_a_changed_line_changes_the_digest(repository: Path) -> None:
    before = build(repository).digest
    write(repository, "app/demo/main.py", "def handler(event, context):\n    return None\n")
    assert build(repository).digest != before


@pytest.mark.parametrize(
    "name",
    [
        "app/demo/__pycache__/main.cpython-311.pyc",
        "app/demo/tests/test_main.py",
        "app/demo/requirements.in",
        "app/demo/service.yaml",
        "app/demo/.main.py.swp",
        "app/other/main.py",
        "README.md",
    ],
)
def test_a_file_that_does_not_run_makes_no_new_version(repository: Path, name: str) -> None:
    before = build(repository).digest
    write(repository, name, "# anything")
    assert build(repository).digest == before


def test_another_hash_in_the_lock_makes_no_new_version(repository: Path) -> None:
    before = build(repository).digest
    write(repository, "app/demo/requirements.txt", JMESPATH + "    --hash=sha256:1\n")
    assert build(repository).digest == before


def test_the_installers_records_are_left_out(repository: Path) -> None:
    names = {Path(name).name for name in build(repository).files}
    assert names.isdisjoint({"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "jp.py"})
    assert "METADATA" in names


def test_an_unchanged_bundle_is_not_written_again(repository: Path) -> None:
    path = build(repository).path
    os.utime(path, (1, 1))
    build(repository)
    assert path.stat().st_mtime == 1


def test_a_corrupted_zip_is_written_again(repository: Path) -> None:
    built = build(repository)
    built.path.write_bytes(b"half")
    assert build(repository) == built
    assert zipfile.is_zipfile(built.path)


def test_nothing_but_the_zip_is_left_beside_it(repository: Path) -> None:
    path = build(repository).path
    assert list(path.parent.iterdir()) == [path]


def test_a_handler_file_that_is_not_there_is_reported(repository: Path) -> None:
    (repository / "app/demo/main.py").unlink()
    assert refusal(repository).startswith("the handler app.demo.main.handler needs app/demo/main.py, which is not in")


def test_a_handler_that_its_file_does_not_define_is_reported(repository: Path) -> None:
    write(repository, "app/demo/main.py", "def handle(event, context):\n    def handler(): ...\n")
    assert "app/demo/main.py defines no handler" in refusal(repository)


@pytest.mark.parametrize(
    "text",
    [
        "handler = build()",
        "handler: object = build()",
        "from app.demo import handler",
        "import app.demo as handler",
        "try:\n    import x\nexcept ImportError:\n    pass\nelse:\n    def handler(): ...",
        "if True:\n    handler = 1",
        "class handler: ...",
        "import handler.part",
        "from app.demo.other import *",
        "with open('x') as handler:\n    pass",
        "for handler in ():\n    pass",
        "match 1:\n    case handler:\n        pass",
        "match 1:\n    case [*handler]:\n        pass",
        "match 1:\n    case {**handler}:\n        pass",
        "match 1:\n    case int() as handler:\n        pass",
        "match 1:\n    case _:\n        handler = 1",
        "try:\n    pass\nexcept OSError:\n    handler = 1",
        "print(handler := 1)",
    ],
)
def test_a_handler_may_be_bound_in_any_way_that_a_module_binds_names(repository: Path, text: str) -> None:
    write(repository, "app/demo/main.py", text)
    assert build(repository).handler == "app.demo.main.handler"


@pytest.mark.parametrize(
    "text",
    [
        "import app.handler",
        "from app.demo import handler as other",
        "handler: object",
        "handler.attribute = 1",
        "print(handler)",
        "other = [handler for handler in ()]",
        "other = {handler for handler in ()}",
        "other = {handler: 1 for handler in ()}",
        "other = tuple(handler for handler in ())",
        "other = lambda: (handler := 1)",
        "try:\n    pass\nexcept OSError as handler:\n    pass",
        "class other:\n    handler = 1",
        "match 1:\n    case {'a': 1}:\n        pass",
    ],
)
def test_what_binds_the_handlers_name_elsewhere_or_not_at_all_defines_no_handler(repository: Path, text: str) -> None:
    write(repository, "app/demo/main.py", f"{text}\n")
    assert "app/demo/main.py defines no handler" in refusal(repository)


def test_a_handler_that_fails_at_import_is_left_to_the_canary(repository: Path) -> None:
    write(repository, "app/demo/main.py", "import no_such_module\n\n\ndef handler(): ...\n")
    assert build(repository).files


def test_a_handler_file_that_is_not_python_is_reported_with_its_line(repository: Path) -> None:
    write(repository, "app/demo/main.py", "\ndef handler(:\n")
    assert refusal(repository) == "app/demo/main.py, line 2, is not Python (invalid syntax); correct it"


def test_an_app_that_is_not_there_is_reported(repository: Path) -> None:
    with pytest.raises(BundleError, match=r"app/other is to go into the bundle, but .* does not exist"):
        bundle.build("other", repository)


def test_a_lock_that_does_not_match_its_requirements_is_reported_with_every_difference(repository: Path) -> None:
    (version,) = re.findall(
        r"^jmespath==([\d.]+)", (repository / "app/demo/requirements.txt").read_text(), re.MULTILINE
    )
    asked = '# AWS\n-r other.in\n\njmespath>=99  # queries\nJinja2[async]\ntzdata; sys_platform == "win32"\n'
    write(repository, "app/demo/requirements.in", asked)
    beside = "requirements.in beside app/demo/requirements.txt has"
    assert refusal(repository).splitlines() == [
        f"{beside} jmespath>=99, but the lock has jmespath {version}; run `make lock`",
        f"{beside} Jinja2[async], but the lock has no Jinja2; run `make lock`",
    ]
    write(repository, "app/demo/requirements.in", f"JMESPath=={version}\n")
    assert build(repository).files


def test_the_mistakes_of_all_bundles_are_reported_at_once(repository: Path) -> None:
    write(repository, "app/demo/main.py", "def other():\n    pass\n")
    declared = [Service(name="demo"), Service(name="none"), Service(name="late", runtime=NODE)]
    with pytest.raises(BundleError) as caught:
        bundle.build_all(declared, repository, bundle.Platform(), bundle.tree(declared, repository))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the handler app.demo.main.handler is not in the bundle: app/demo/main.py defines no")
    assert lines[1].startswith("app/none is to go into the bundle, but")
    assert lines[2] == "the bundle of app/late has 2 mistakes; nothing was uploaded:"
    assert not (repository / "dist").exists()


def test_a_missing_lock_is_reported_with_the_command_that_writes_it(repository: Path) -> None:
    (repository / "app/demo/requirements.txt").unlink()
    assert refusal(repository).endswith("run `make lock`")


def test_a_package_of_another_version_than_locked_is_reported_with_both(repository: Path) -> None:
    write(repository, "app/demo/requirements.txt", "jmespath==0.0.1\n")
    installed = metadata.version("jmespath")
    assert refusal(repository) == (
        f"app/demo/requirements.txt wants jmespath 0.0.1, but {installed} is installed; run `make venvs`"
    )


def test_a_package_that_is_not_installed_is_reported(repository: Path) -> None:
    write(repository, "app/demo/requirements.txt", "no-such-package==1.0\n")
    assert "wants no-such-package 1.0, which is not installed; run `make venvs`" in refusal(repository)


def test_a_package_compiled_for_this_machine_is_reported(repository: Path) -> None:
    version = metadata.version("numpy")
    write(repository, "app/demo/requirements.txt", f"numpy=={version}\n")
    assert refusal(repository).startswith(f"numpy {version} is not pure Python")


@pytest.mark.parametrize(
    ("limit", "what"), [("LARGEST_CODE", "bytes unzipped"), ("LARGEST_ZIP", "bytes as an uploaded zip")]
)
def test_a_bundle_beyond_lambdas_limits_is_reported_with_its_largest_files(
    repository: Path, monkeypatch: pytest.MonkeyPatch, limit: str, what: str
) -> None:
    monkeypatch.setattr(zips, limit, 100_000)
    write(repository, "app/demo/data.json", "x" * 200_000)
    said = refusal(repository)
    assert what in said
    assert "Lambda accepts 100,000" in said
    assert "the largest files: app/demo/data.json" in said


def test_lambdas_limits_are_those_of_its_documentation() -> None:
    assert (zips.LARGEST_ZIP, zips.LARGEST_CODE) == (52_428_800, 262_144_000)


@pytest.fixture
def hooked(repository: Path) -> Path:
    """The small app with its smoke events, and hooks."""
    write(repository, "app/hooks/__init__.py", "")
    for name in ("smoke", "bake"):
        write(repository, f"app/hooks/{name}.py", "handler = 1\n")
    write(repository, "app/demo/smoke/health.json", "{}")
    return repository


def test_smoke_events_go_to_the_hooks_and_never_make_a_new_version_of_the_service(hooked: Path) -> None:
    service, hooks = build(hooked), bundle.hooks(["demo"], hooked)["smoke"]
    assert "app/demo/smoke/health.json" in hooks.files
    assert "app/demo/smoke/health.json" not in service.files
    write(hooked, "app/demo/smoke/health.json", "{ }")
    assert build(hooked).digest == service.digest
    assert bundle.hooks(["demo"], hooked)["smoke"].digest != hooks.digest


def test_the_hooks_share_one_zip_and_have_each_a_handler(hooked: Path) -> None:
    hooks = bundle.hooks(["demo"], hooked)
    assert {name: made.handler for name, made in hooks.items()} == {
        "smoke": "app.hooks.smoke.handler",
        "bake": "app.hooks.bake.handler",
    }
    assert {made.path for made in hooks.values()} == {hooked / "dist/hooks.zip"}
    assert len({made.digest for made in hooks.values()}) == 1


def test_a_change_of_the_service_makes_no_new_hooks(hooked: Path) -> None:
    before = bundle.hooks(["demo"], hooked)["smoke"].digest
    write(hooked, "app/demo/main.py", "def handler(event, context):\n    return None\n")
    assert bundle.hooks(["demo"], hooked)["smoke"].digest == before


def test_a_hook_without_a_handler_is_reported(hooked: Path) -> None:
    write(hooked, "app/hooks/bake.py", "")
    with pytest.raises(BundleError, match=r"app/hooks/bake\.py defines no handler"):
        bundle.hooks(["demo"], hooked)


def test_pulumi_shows_the_error_without_a_traceback() -> None:
    assert issubclass(BundleError, pulumi.RunError)
