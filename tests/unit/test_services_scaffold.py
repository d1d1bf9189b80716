"""`make service` writes a service that is read, answers its smoke event, and is short."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.hooks.expectation import wrong
from infra import bundle, services
from infra.answered import ANSWERED, RAISED
from infra.bundle import smoke
from infra.services import NODE, PYTHON, ServiceError, scaffold
from tests.unit.test_services import write

ROOT = Path(__file__).resolve().parents[2]


def mistakes(root: Path, name: str, runtime: str = PYTHON) -> list[str]:
    before = sorted(root.rglob("*"))
    with pytest.raises(ServiceError) as caught:
        scaffold.write(root, name, runtime)
    assert sorted(root.rglob("*")) == before, "something was written"
    return list(caught.value.mistakes)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one other service."""
    return write(tmp_path, other="http: [GET /taken]")


@pytest.mark.parametrize("errors", [RAISED, ANSWERED])
@pytest.mark.parametrize("runtime", [PYTHON, NODE])
def test_a_new_service_is_read_and_its_declaration_has_six_lines_at_most(
    repository: Path, runtime: str, errors: str
) -> None:
    written = scaffold.write(repository, "hello", runtime, errors)
    assert all((repository / each).is_file() for each in written)
    declaration = (repository / "app/hello/service.yaml").read_text()
    assert len(declaration.splitlines()) <= 6
    (found,) = (each for each in services.read(repository) if each.name == "hello")
    assert (found.runtime, found.triggers, found.errors) == (runtime, ("GET /hello",), errors)
    assert list(smoke.read([found], repository)["hello"]) == ["health.json"]


def test_the_first_service_of_a_repository_needs_no_other(tmp_path: Path) -> None:
    scaffold.write(tmp_path, "hello", PYTHON)
    assert [each.name for each in services.read(tmp_path)] == ["hello"]


def test_a_new_service_in_python_answers_its_smoke_event_and_can_be_bundled(repository: Path) -> None:
    scaffold.write(repository, "hello", PYTHON)
    (repository / "app/__init__.py").write_text('"""Services."""\n')
    spec = importlib.util.spec_from_file_location("hello", repository / "app/hello/main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    event = json.loads((repository / "app/hello/smoke/health.json").read_text())
    assert list(wrong(event["expect"], module.handler(event["event"], None))) == []
    files = bundle.build("hello", repository).files
    assert files == ("app/__init__.py", "app/hello/__init__.py", "app/hello/main.py")


@pytest.mark.parametrize("errors", [RAISED, ANSWERED])
def test_the_test_of_a_new_service_passes(repository: Path, errors: str) -> None:
    scaffold.write(repository, "hello", PYTHON, errors)
    (repository / "app/__init__.py").write_text('"""Services."""\n')
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_hello.py"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("errors", [RAISED, ANSWERED])
def test_what_is_written_passes_the_linter_and_the_type_checker(repository: Path, errors: str) -> None:
    files = [str(each) for each in scaffold.write(repository, "hello", PYTHON, errors) if each.suffix == ".py"]
    (repository / "app/__init__.py").write_text('"""Services."""\n')
    (repository / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    tools = Path(sys.executable).parent
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        check = [str(tools / command[0]), *command[1:], *files]
        done = subprocess.run(check, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "runtime", "mistake"),
    [
        ("Hello", PYTHON, "the name is 'Hello', but AWS names are built from it"),
        ("../x", NODE, "the name is '../x', but AWS names are built from it"),
        ("hooks", PYTHON, "the name is 'hooks', but Strata uses that name itself"),
        ("my-svc", PYTHON, "the name is 'my-svc', but a package of Python has no hyphen in its name"),
        ("hello", "ruby", "the runtime is 'ruby', which is not supported; give python or node"),
        ("other", PYTHON, "app/other exists already; choose another name, or take it away"),
        ("taken", PYTHON, "app/other/service.yaml has the route GET /taken; choose another name"),
    ],
)
def test_a_service_that_cannot_be_is_refused_and_nothing_is_written(
    repository: Path, name: str, runtime: str, mistake: str
) -> None:
    (found,) = mistakes(repository, name, runtime)
    assert found.startswith(mistake)


@pytest.mark.parametrize(
    ("runtime", "main", "counter"),
    [
        (PYTHON, "app/hello/main.py", ("app/orders/answered.py", "app/hello/answered.py")),
        (NODE, "app/hello/src/main.ts", ("app/fulfilment/src/answered.ts", "app/hello/src/answered.ts")),
    ],
)
def test_a_service_that_counts_its_faults_imports_its_copy_of_the_counter(
    repository: Path, runtime: str, main: str, counter: tuple[str, str]
) -> None:
    plain = dict(scaffold._files("hello", runtime, RAISED))
    scaffold.write(repository, "hello", runtime, ANSWERED)
    assert (repository / counter[1]).read_text() == (ROOT / counter[0]).read_text()
    assert "counted" in (repository / main).read_text()
    assert not [path for path, text in plain.items() if "counted" in text or "answered" in path]


def test_a_third_way_to_count_errors_is_refused(repository: Path) -> None:
    with pytest.raises(ServiceError, match="errors is 'all', not one of the two; give raised or answered"):
        scaffold.write(repository, "hello", PYTHON, "all")


def test_a_folder_that_is_there_already_is_left_alone(repository: Path) -> None:
    (repository / "tests/unit").mkdir(parents=True)
    (repository / "tests/unit/test_hello.py").write_text("# mine")
    assert mistakes(repository, "hello") == [
        "tests/unit/test_hello.py exists already; choose another name, or take it away"
    ]


def test_the_command_lists_what_calls_each_service() -> None:
    command = [sys.executable, "-m", "infra.services", "check", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["orders"] == {
        "runtime": "python",
        "triggers": ["POST /orders", "GET /orders/{id}", "GET /health"],
    }
