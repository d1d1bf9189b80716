"""Writes the files of docs/adopting.md and types its commands: another program's first canaries, with the real CLI."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.environment.workspace import scrubbed
from tests.rehearsal.adopted import Callers, Shop, Step, shop, steps
from tests.rehearsal.stage import FACTOR

pytestmark = pytest.mark.faults

FUNCTION, PROGRAM = "shop-greet", "__main__.py"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, scrubbed(os.environ), FACTOR) as running:
        yield running


def written(program: Shop, page: list[Step]) -> str:
    """Write the page's files up to its next command, and return the command."""
    while page and page[0].path:
        program.write(page.pop(0))
    return page.pop(0).text


def started(program: Shop, page: list[Step]) -> None:
    """Bring up the program that the page starts from."""
    command = written(program, page)
    program.types("pulumi stack init prod")
    program.types(command)


def output(program: Shop, name: str) -> str:
    return program.types(f"pulumi stack output {name} --stack prod").strip()


def test_the_page_takes_a_program_to_its_first_canary_and_a_bad_edit_is_rolled_back(program: Shop) -> None:
    page = steps("adopting.md")
    started(program, page)
    callers = Callers(output(program, "url"))
    assert callers.call() == "Hello Ann"

    assert "1 first (answered)" in program.types(written(program, page))
    assert callers.call() == "Hello Ann"
    assert program.aws.live(FUNCTION, "live") == "1"

    with callers.calling():
        assert f"{FUNCTION}: end: 1 -> 2 promoted (verdict)" in program.types(written(program, page))
        assert callers.call() == "Good morning Ann"
        assert set(callers.answers) == {200}
        bad = written(program, page)
        rolled_back = program.types(bad, fails=True)
    assert f"{FUNCTION} 2 -> 3 rolled back (verdict)" in rolled_back
    assert "KeyError: 'first_name'" in rolled_back
    assert program.aws.live(FUNCTION, "live") == "2"
    assert callers.call() == "Good morning Ann"
    assert "refused (rejected)" in program.types(bad, fails=True)

    history = program.types(written(program, page))
    order = [history.index(ending) for ending in ("rolled back (verdict)", "promoted (verdict)", "first (answered)")]
    assert order == sorted(order)
    assert page == []
    assert "strata:release:Release" in program.types("pulumi destroy --stack prod --yes")


def test_wrong_use_is_refused_by_name_in_the_preview_before_anything_of_the_canary_exists(program: Shop) -> None:
    page = steps("adopting.md")
    before, (yaml, adopted, up) = page[:4], page[4:7]
    started(program, before)
    program.write(yaml)

    assert adopted.text.count("    publish=True,\n") == 1
    program.write(Step(PROGRAM, adopted.text.replace("    publish=True,\n", "")))
    unpublished = program.types(up.text, fails=True)
    assert f"- function {FUNCTION} has publish=False, so a change of it becomes no version" in unpublished
    assert "Traceback" not in unpublished

    own = 'aws.lambda_.Alias("own", name="live", function_name=greet.name, function_version="1")\n'
    head, canary, tail = adopted.text.partition("canary = ")
    without = head + own + "".join(line for line in tail.splitlines(keepends=True) if "canary" not in line)
    program.write(Step(PROGRAM, without))
    program.types(up.text)
    program.write(Step(PROGRAM, head + own + canary + tail))
    taken = program.types(up.text, fails=True)
    assert f"function {FUNCTION} has an alias 'live' already, on version 1" in taken
    assert program.aws.live(FUNCTION, "live") == "1"
