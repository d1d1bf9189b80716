"""Every command that a message names between backticks is one that can be typed: it exists, and has what it needs."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from infra.artifacts.__main__ import app as artifacts
from infra.pipeline.__main__ import app as pipeline
from infra.release.__main__ import app as release

ROOT = Path(__file__).resolve().parents[2]
APPS = {"infra.release": release, "infra.pipeline": pipeline, "infra.artifacts": artifacts}
OPTIONS = {"up": {"--refresh", "--stack"}, "cancel": {"--stack"}, "config": {"--secret", "--path", "--type"}}
"""Of the Pulumi CLI's, those that a message may name; each is typed by a test of tests/rehearsal."""
PLACEHOLDER = "x"


def messages() -> Iterator[tuple[str, str]]:
    """Every text of the product that is no docstring, with where it stands; what a run fills in is PLACEHOLDER."""
    for file in sorted((ROOT / "infra").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        passed = {id(each.value) for each in nodes if isinstance(each, ast.Expr)}  # docstrings
        passed |= {id(part) for each in nodes if isinstance(each, ast.JoinedStr) for part in each.values}
        where = file.relative_to(ROOT)
        for node in nodes:
            if id(node) in passed:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = (str(part.value) if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
                yield f"{where}:{node.lineno}", "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{where}:{node.lineno}", node.value


NAMED = sorted({(where, command) for where, text in messages() for command in re.findall(r"`([^`\n]+)`", text)})
TYPED = {name: get_command(app) for name, app in APPS.items()}
WORDS = set(TYPED["infra.release"].commands)  # type: ignore[attr-defined]


def parsed(group: object, arguments: list[str]) -> None:
    """Raises what the command line would answer."""
    command = group.commands[arguments[0]]  # type: ignore[attr-defined]
    command.make_context(arguments[0], arguments[1:])


@pytest.mark.parametrize(("where", "command"), [each for each in NAMED if each[1].startswith("python -m ")])
def test_a_command_of_ours_is_named_with_all_that_it_needs(where: str, command: str) -> None:
    _, _, module, *arguments = shlex.split(command)
    parsed(TYPED[module], arguments)


@pytest.mark.parametrize(("where", "command"), [each for each in NAMED if each[1].startswith("make ")])
def test_a_target_of_make_is_there_and_named_with_its_stack(where: str, command: str) -> None:
    _, target, *given = command.split()
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe, f"{where}: there is no target {target}"
    assert ("NEEDS_STACK" in recipe[1]) <= any(each.startswith("STACK=") for each in given), where


@pytest.mark.parametrize(("where", "command"), [each for each in NAMED if each[1].startswith("pulumi ")])
def test_a_command_of_pulumis_is_one_that_is_typed_by_a_rehearsal(where: str, command: str) -> None:
    _, verb, *given = command.replace(" --cwd bootstrap", "").split()
    assert {each for each in given if each.startswith("-")} <= OPTIONS[verb], where


def test_no_message_names_a_command_by_its_bare_word() -> None:
    assert [each for each in NAMED if each[1] in WORDS] == []
