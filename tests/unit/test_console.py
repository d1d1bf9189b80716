"""How every command answers an error: a line, a document where one is asked for, an exit code."""

import json
from collections.abc import Mapping

import pytest
import typer

from infra.console import CommandError, Exit, FailedError, RefusedError, UsageError, answering

NONE: Mapping[type[Exception], Exit] = {}


@pytest.mark.parametrize(
    ("problem", "code"), [(CommandError, 4), (FailedError, 1), (UsageError, 2), (RefusedError, 3), (KeyError, 2)]
)
def test_an_error_is_one_line_and_its_exit_code(
    problem: type[Exception], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as end, answering({LookupError: Exit.USAGE, Exception: Exit.UNKNOWN}):
        raise problem("x")
    said = capsys.readouterr()
    assert (end.value.exit_code, said.out) == (code, "")
    assert said.err == f"error: {problem('x')}\n"


def test_a_program_gets_the_error_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), answering(NONE, as_json=True):
        raise RefusedError("d-1 has ended")
    assert json.loads(capsys.readouterr().out) == {"error": "d-1 has ended"}


def test_an_error_that_no_command_expects_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), answering(NONE):
        raise ZeroDivisionError
