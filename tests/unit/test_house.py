"""The house keeps its own rules: file sizes, import contracts that can fail, no registry's name, formatted HCL."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import hcl2
import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 400  # lines; more is a sign of a missing module
CODE = ("__main__.py", "app", "bench", "bootstrap", "infra", "local", "policy", "rehearsal", "tests")
REGISTRIES = re.compile(
    r"pypi\.(org|python\.org)|pythonhosted|registry\.npmjs|proxy\.golang|deb\.debian|crates\.io/api"
)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def python_files() -> Iterator[Path]:
    for file in tracked():
        if file.suffix == ".py" and file.relative_to(ROOT).parts[0] in CODE:
            yield file


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in python_files()}
    assert lengths, "no Python file found"
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_there_is_no_module_called_utils() -> None:
    assert [file for file in python_files() if file.stem in {"utils", "util", "helpers", "misc", "common"}] == []


def test_every_package_says_in_a_line_what_it_is() -> None:
    silent = [f for f in python_files() if f.name == "__init__.py" and not f.read_text().startswith('"""')]
    assert silent == []


def test_no_file_names_a_package_registry() -> None:
    guilty = []
    for file in tracked():
        if file == Path(__file__):
            continue
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        if REGISTRIES.search(text):
            guilty.append(str(file.relative_to(ROOT)))
    assert guilty == []


def test_the_locks_of_npm_have_a_hash_for_each_package_and_no_address() -> None:
    locks = [file for file in tracked() if file.name == "package-lock.json"]
    assert len(locks) >= 2
    for lock in locks:
        packages = {name: each for name, each in json.loads(lock.read_text())["packages"].items() if name}
        assert [name for name, each in packages.items() if "resolved" in each or "integrity" not in each] == [], lock


BREACHES = [
    ("infra/layers/compute.py", "import infra.layers.data", "Layers never import one another"),
    ("infra/layers/delivery.py", "import boto3", "Layers declare resources and do nothing else"),
    ("infra/release/decision/next_action.py", "import infra.config", "The stack is above layers and configuration"),
    ("infra/release/decision/next_action.py", "import boto3", "Deciding and reporting never touch AWS"),
    ("infra/release/engine/runner.py", "import pulumi", "Only the resource and its provider know Pulumi"),
    ("infra/git.py", "import infra.release", "The stack is above layers and configuration"),
    ("infra/targets.py", "import infra.stack", "The stack is above layers and configuration"),
    ("infra/targets.py", "import infra.canary", "The stack is above layers and configuration"),
    ("infra/stack.py", "import infra.canary", "The stack is above layers and configuration"),
    ("infra/naming.py", "import local.cloud", "The program does not know where it runs"),
    ("app/orders/main.py", "import infra.naming", "The app and the program share nothing"),
    ("local/cloud/clock.py", "import infra.release", "The local cloud shares no code with what it judges"),
    ("local/tests/cloud/alarms.py", "import infra.naming", "The local cloud shares no code with what it judges"),
    ("local/cloud/clock.py", "import local.tests.unit", "Nothing imports tests or benchmarks"),
    ("policy/view.py", "import infra.naming", "A judge shares no code with the judged"),
    ("policy/judge.py", "import pulumi", "Rules know neither Pulumi nor AWS"),
    ("rehearsal/release/report.py", "import tests.unit", "Nothing imports tests or benchmarks"),
]
"""A file, an import at its end, and how the name of the contract begins that this breaks."""

UPWARDS = {
    "verdict.judge": "model.spec",
    "model.spec": "decision.context",
    "decision.context": "reports.history",
    "reports.history": "engine.clock",
    "engine.clock": "aws.errors",
    "aws.errors": "cli.output",
    "provider.server": "cli.output",
    "cli.output": "viewer.server",
}
"""A module of each folder of the release engine, and one of the folder above it."""


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `lint-imports` prints of a copy of the project with all these breaches: the imports that it finds for each
    contract that they break."""
    upwards = [
        (f"infra/release/{low.replace('.', '/')}.py", f"import infra.release.{high}") for low, high in UPWARDS.items()
    ]
    return check_imports(tmp_path_factory.mktemp("breached"), [*((file, line) for file, line, _ in BREACHES), *upwards])


@pytest.mark.parametrize(("victim", "line", "contract"), BREACHES)
def test_an_import_contract_broken_on_purpose_fails_the_check(
    breached: str, victim: str, line: str, contract: str
) -> None:
    assert re.search(rf"^{re.escape(contract)}.* BROKEN", breached, re.MULTILINE), breached
    found = re.search(rf"^{re.escape(contract)}.*\n-+\n(?P<imports>(?:(?!.*\n-+\n).*\n)*)", breached, re.MULTILINE)
    assert found, breached
    importer = victim.removesuffix(".py").replace("/", ".")
    assert f" {importer} -> {line.removeprefix('import ')} (l." in found["imports"], breached


@pytest.mark.parametrize(("low", "high"), UPWARDS.items())
def test_an_import_from_a_folder_above_fails_the_check_in_each_folder_of_the_release_engine(
    breached: str, low: str, high: str
) -> None:
    assert f"infra.release.{low} -> infra.release.{high}" in breached


def check_imports(folder: Path, lines: Sequence[tuple[str, str]]) -> str:
    """What `lint-imports` prints of a copy of the project with each line at the end of its file."""
    for name in ("app", "bench", "infra", "local", "policy", "rehearsal", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", ".venv", "node_modules")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for victim, line in lines:
        broken = folder / victim
        broken.write_text(broken.read_text() + f"\n{line}\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    checked = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 1, checked.stdout
    return checked.stdout


def test_the_legacy_hcl_parses() -> None:
    files = list((ROOT / "terraform-legacy").rglob("*.tf"))
    assert files
    for file in files:
        with file.open() as text:
            assert hcl2.load(text), file
