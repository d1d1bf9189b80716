"""docs/operating.md names every command, every exit code and every reason that a release can end with."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command

from infra.console import Exit
from infra.release.__main__ import COMMANDS
from infra.release.decision.proven import UNTRIED
from infra.services.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operating.md").read_text()
CALLS = {"PreconditionFailure": 0, "finish": 1, "_stop": 2, "RevertDeployment": -1}
"""What names a reason, and which of its arguments that is."""


def reasons() -> Iterator[str]:
    for file in (ROOT / "infra/release/decision").glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            name = getattr(getattr(call, "func", None), "id", "") or getattr(getattr(call, "func", None), "attr", "")
            place = CALLS.get(name, -1)
            if isinstance(call, ast.Call) and 0 <= place < len(call.args):
                argument = call.args[place]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def test_every_command_stands_in_the_table() -> None:
    table = PAGE.partition("| you want to |")[2].partition("\n\n")[0]
    typed = {words.split()[0] for words in re.findall(r"`([^`]+)` \|", table)}
    assert typed == {command.__name__.replace("_", "-") for command in COMMANDS}


def test_every_exit_code_stands_in_the_table() -> None:
    table = PAGE.partition("| exit code |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| (\d) \|", table, re.MULTILINE) == [
        str(code) for code in sorted(code.value for code in Exit)
    ]


def test_every_reason_stands_in_a_table() -> None:
    found = {*reasons(), UNTRIED}
    assert {"rejected", "older", "alarm", "unproven", "busy", "operator", "evidence"} <= found
    missing = {reason for reason in found if not re.search(rf"^\| (?:\w+ \| )?{reason} \|", PAGE, re.MULTILINE)}
    assert missing == set()


def test_the_steps_for_dead_letters_are_those_of_the_command() -> None:
    section = PAGE.partition("## Dead letters\n")[2].partition("\n## ")[0]
    (shown, typed) = re.findall(r"^make redrive ([^#\n]+?)\s*(?:#.*)?$", section, re.MULTILINE)
    assert (shown, typed) == (f"{typed} DRY=true", "STACK=prod SERVICE=fulfilment")
    (recipe,) = re.findall(r"^redrive: .*?\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\$\$\{?([A-Z]+)", recipe)) == {"STACK", "SERVICE", "DRY"}
    options = {name for parameter in get_command(app).commands["redrive"].params for name in parameter.opts}  # type: ignore[attr-defined]
    assert set(re.findall(r"--[a-z-]+", recipe)) == options - {"--json"}


def test_the_section_on_dead_letters_names_each_that_is_kept_and_every_exit_code() -> None:
    section = PAGE.partition("## Dead letters\n")[2].partition("\n## ")[0]
    assert "kept" in section
    assert "*gone*" in section
    codes = set(re.findall(r"(\d) (?:done|a decl|wrong|unknown)", app.info.epilog or ""))
    assert {"0", *re.findall(r"(?:exits|and) (\d) if", section)} == codes - {"2"}
