"""How a worker is started, by the runtime of its function."""

import os
from pathlib import Path

import pytest

from local.cloud.workers.languages import LanguageError, known, launch

CODE, PACKAGES = Path("/code"), Path("/packages")
LAYERS = (Path("/one"), Path("/two"))


@pytest.mark.parametrize(
    ("runtime", "runs"),
    [
        ("python3.11", True),
        ("python3.14", True),
        ("nodejs22.x", True),
        ("nodejs24.x", True),
        ("nodejs4.3-edge", False),
        ("provided.al2023", False),
        ("java21", False),
        ("", False),
    ],
)
def test_workers_run_python_and_node(runtime: str, runs: bool) -> None:
    assert known(runtime) is runs


def test_python_gets_its_folders_in_the_order_of_its_search_path() -> None:
    start = launch("python3.11", CODE, LAYERS, PACKAGES, {})
    assert start.arguments == ["/code", "/one/python", "/two/python", "/packages"]
    assert start.command[-1].endswith("/runtime.py")
    assert start.variables == {}


@pytest.mark.parametrize("runtime", ["nodejs22.x", "nodejs24.x"])
def test_node_searches_layers_as_lambdas_runtime_does_and_then_the_function(
    node: str, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    monkeypatch.setenv("PATH", str(Path(node).parent))
    start = launch(runtime, CODE, LAYERS, PACKAGES, {})
    own = f"nodejs/{runtime.removesuffix('.x').replace('js', '')}/node_modules"
    common = "nodejs/node_modules"
    folders = [f"/one/{own}", f"/two/{own}", f"/one/{common}", f"/two/{common}", "/code"]
    assert start.variables == {"NODE_PATH": ":".join(folders)}
    assert (start.command[0], start.command[-1].rpartition("/")[2]) == (node, "runtime.mjs")
    assert start.arguments == [str(os.getpid())]


@pytest.mark.parametrize(
    ("options", "off"),
    [
        ("", ["--no-experimental-require-module", "--no-experimental-detect-module"]),
        ("--enable-source-maps --experimental-require-module", ["--no-experimental-detect-module"]),
        ("--experimental-detect-module --experimental-require-module", []),
    ],
)
def test_a_feature_that_lambda_turns_off_is_on_again_by_node_options(
    node: str, monkeypatch: pytest.MonkeyPatch, options: str, off: list[str]
) -> None:
    monkeypatch.setenv("PATH", str(Path(node).parent))
    assert launch("nodejs22.x", CODE, (), PACKAGES, {"NODE_OPTIONS": options}).command[1:-1] == off


def test_without_node_the_error_names_the_runtime_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        LanguageError, match=r"nodejs24\.x needs `node`, and no folder of PATH has it: install Node\.js"
    ):
        launch("nodejs24.x", CODE, (), PACKAGES, {})
    assert launch("python3.11", CODE, (), PACKAGES, {}).command


@pytest.fixture
def node(tmp_path: Path) -> str:
    """A program called node, which is never started."""
    program = tmp_path / "node"
    program.touch(mode=0o755)
    return str(program)
