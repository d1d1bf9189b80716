"""An edition of a generated service is what the scaffold wrote but for one edit, and only a bad one raises."""

import runpy
from pathlib import Path

import pytest

from infra.services import NODE, PYTHON, scaffold
from rehearsal.environment.workspace import ScratchError
from rehearsal.generated import stack
from tests.unit.test_services import write


def source(folder: Path, name: str, runtime: str = PYTHON) -> str:
    """Return the handler's source of a new service."""
    written = scaffold.write(write(folder, other="http: [GET /taken]"), name, runtime)
    return (folder / next(path for path in written if path.stem == "main")).read_text()


@pytest.mark.parametrize("runtime", [PYTHON, NODE])
def test_an_edition_adds_a_header_to_the_answer_in_either_language(tmp_path: Path, runtime: str) -> None:
    first = source(tmp_path, "quotes", runtime)
    second = stack.edition_of(first, 2)
    assert second != first
    assert second.replace(', "x-edition": "2"', "") == first
    assert stack.edition_of(first, 3) not in {first, second}


def test_a_bad_edition_raises_on_every_second_call_but_the_smoke_hooks(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(stack.faulty(source(tmp_path, "invoices"), "invoices", 2))
    bad = runpy.run_path(str(file))["handler"]

    def call(agent: str) -> int:
        status: int = bad({"routeKey": "GET /invoices", "headers": {"user-agent": agent}}, None)["statusCode"]
        return status

    assert [call("strata-smoke") for _ in range(4)] == [200] * 4
    for _ in range(2):
        assert call("") == 200
        with pytest.raises(RuntimeError, match="edition 2 of invoices raises on every second call"):
            call("")


def test_a_scaffold_that_no_longer_has_the_text_to_replace_is_an_error() -> None:
    with pytest.raises(ScratchError, match="occurs 0 times, not once; bring rehearsal"):
        stack.edition_of("def other(): ...", 2)
