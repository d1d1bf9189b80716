"""`make mutants`: what is changed, which tests are run, and when the bar is reached."""

import ast
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.mutants import parts, report, selection, worker
from tests.mutants.operators import OPERATORS
from tests.mutants.parts import Mutant
from tests.mutants.run import Copy, Fate, Result, RunError, started, unchanged
from tests.mutants.selection import Tests

ROOT = Path(__file__).resolve().parents[2]


def changes(source: str) -> list[str]:
    """The source with each change that any operator can make to it, by the operators' order."""
    found = []
    for name in OPERATORS:
        for occurrence in range(10):
            changed = Mutant("part", "file", 1, name, occurrence).applied(source)
            if changed is not None:
                found.append(changed)
    return found


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("a == b", ["a != b"]),
        ("a != b", ["a == b"]),
        ("a < b", ["a <= b", "a >= b"]),
        ("a <= b", ["a < b", "a > b"]),
        ("a > b", ["a >= b", "a <= b"]),
        ("a >= b", ["a > b", "a < b"]),
        ("a is b", ["a is not b"]),
        ("a is not None", ["a is None"]),
        ("a in b", ["a not in b"]),
        ("a not in b", ["a in b"]),
        ("a < b in c", ["a <= b in c", "a >= b in c", "a < b not in c"]),
        ("a and b", ["a or b"]),
        ("a or b", ["a and b"]),
        ("a = not b", ["a = b"]),
        ("if a:\n    b()", ["if not a:\n    b()"]),
        ("a if b else c", ["a if not b else c"]),
        ("[a for a in b if a.c]", ["[a for a in b if not (a.c)]"]),
        ("for a in b:\n    continue", ["for a in b:\n    break"]),
        ("def f():\n    return a + b", ["def f():\n    return None"]),
        ("def f():\n    return True", ["def f():\n    return False"]),
        ("def f():\n    return False", ["def f():\n    return True"]),
        ("def f():\n    return None", []),
        ("def f():\n    return", []),
        ("a = 1 + f('x')", []),
    ],
)
def test_comparisons_boolean_operators_branches_and_returns_are_changed_and_nothing_else(
    source: str, changed: list[str]
) -> None:
    assert [normal(each) for each in changes(source)] == [normal(each) for each in changed]


def normal(source: str) -> str:
    return ast.unparse(ast.parse(source))


def test_a_change_that_python_cannot_read_is_no_mutant() -> None:
    assert changes("if a := b:\n    pass") == []  # `if not a := b`


def test_one_seed_draws_the_same_mutants_and_another_one_others(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("".join(f"a{number} = b == {number}\n" for number in range(40)))
    population = [Mutant("bundle", "file.py", number + 1, next(iter(OPERATORS)), number) for number in range(40)]
    drawn = parts.sample(tmp_path, population, 10, seed=1)
    assert len(drawn) == len(set(drawn)) == 10
    assert parts.sample(tmp_path, population, 10, seed=1) == drawn
    assert parts.sample(tmp_path, population, 10, seed=2) != drawn
    assert parts.sample(tmp_path, population, 99, seed=1) == population


def test_every_part_has_mutants_and_each_lies_in_its_line() -> None:
    found = list(parts.mutants(ROOT))
    assert {each.part for each in found} == set(parts.PARTS)
    for mutant in found[::100]:
        before = (ROOT / mutant.file).read_text()
        after = mutant.applied(before)
        if after is not None:
            first = next(
                i
                for i, (old, new) in enumerate(zip(before.splitlines(), after.splitlines(), strict=False), 1)
                if old != new
            )
            assert first >= mutant.line, mutant


def test_a_change_is_shown_in_one_line() -> None:
    assert parts.difference("a\n  if b:\n c", "a\n  if not b:\n c") == "if b: -> if not b:"
    assert parts.difference("return (\n  a\n)", "return None") == "return ( a ) -> return None"


# Which tests


def graph(**imports: tuple[str, ...]) -> grimp.ImportGraph:
    """Modules with what they import; `__` stands for a dot."""
    made = grimp.ImportGraph()
    for name, imported in imports.items():
        for other in (name, *imported):
            made.add_module(other.replace("__", "."))
        for other in imported:
            made.add_import(importer=name.replace("__", "."), imported=other.replace("__", "."))
    return made


def test_tests_that_import_a_module_or_are_named_for_it_are_near_and_those_that_reach_it_are_far() -> None:
    made = graph(
        tests__unit__test_direct=("infra__thing",),
        tests__unit__test_thing_more=("infra__other",),
        tests__unit__test_through=("infra__other",),
        tests__unit__test_elsewhere=("infra__third",),
        tests__unit__kit=("infra__thing",),
        infra__other=("infra__thing",),
    )
    assert selection.select(made, "infra/thing.py") == Tests(
        near=("tests/unit/test_direct.py", "tests/unit/test_thing_more.py"), far=("tests/unit/test_through.py",)
    )


def test_where_no_test_imports_a_module_the_ones_that_are_fewest_imports_away_are_near() -> None:
    made = graph(
        tests__unit__test_a=("infra__x",),
        tests__unit__test_b=("infra__y",),
        infra__y=("infra__x",),
        infra__x=("infra__thing",),
    )
    assert selection.select(made, "infra/thing/__init__.py") == Tests(
        near=("tests/unit/test_a.py",), far=("tests/unit/test_b.py",)
    )


def test_slow_tests_are_left_out() -> None:
    made = graph(tests__unit__test_release_machine=("infra__thing",), tests__unit__test_a=("infra__thing",))
    assert selection.select(made, "infra/thing.py") == Tests(near=("tests/unit/test_a.py",), far=())
    assert all((ROOT / file).is_file() for file in selection.SLOW)


def test_the_shortest_tests_run_first() -> None:
    tests = Tests(near=("a", "b"), far=("c", "d"))
    assert tests.ordered({"a": 2, "b": 1, "c": 3, "d": 3}) == ["b", "a", "c", "d"]


def test_every_file_that_is_mutated_has_tests() -> None:
    tests = selection.tests_of({file for _, file in parts.files(ROOT) if not file.endswith("__init__.py")})
    assert [file for file, each in tests.items() if not each.near] == []


# One mutant

SOURCE = "def f(a, b):\n    return a < b\n"
OR_EQUAL = Mutant("bundle", "thing.py", 2, "ReplaceComparisonOperator_Lt_LtE", 0)
TESTS = {
    "test_few.py": "def test_it():\n    assert f(1, 2)\n",
    "test_bound.py": "def test_it():\n    assert not f(1, 1)\n",
    "test_loop.py": "def test_it():\n    while f(1, 1):\n        pass\n",
}
SECONDS = dict.fromkeys(TESTS, 0.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A worker in a folder with one module and its tests."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "thing.py").write_text(SOURCE)
    for name, text in TESTS.items():
        (folder / name).write_text(f"from thing import f\n\n\n{text}")
    with started(folder, {**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        yield Copy(folder, process, least=2)


@pytest.mark.parametrize(
    ("tests", "fate"),
    [
        (["test_few.py"], Fate.SURVIVED),
        (["test_few.py", "test_bound.py"], Fate.KILLED),
        (["test_loop.py", "test_few.py"], Fate.TIMED_OUT),
    ],
)
def test_a_mutant_is_killed_by_a_test_that_fails_or_never_ends_and_else_survives(
    place: Copy, tests: list[str], fate: Fate
) -> None:
    assert place.judge(OR_EQUAL, tests, SECONDS) == Result(OR_EQUAL, "return a < b -> return a <= b", fate)
    assert (place.folder / "thing.py").read_text() == SOURCE


def test_tests_that_fail_without_a_mutant_or_are_none_judge_nothing(place: Copy) -> None:
    (place.folder / "test_red.py").write_text("def test_it():\n    assert False\n")
    (place.folder / "test_empty.py").write_text("")
    with pytest.raises(RunError, match=r"these fail in a copy .* without any mutant: test_red\.py$"):
        unchanged([place], ["test_red.py", "test_few.py"])
    with pytest.raises(RunError, match=r"found no test to run in test_empty\.py$"):
        place.judge(OR_EQUAL, ["test_empty.py"], {"test_empty.py": 0.0})


def test_what_only_sleeps_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_child", lambda *_: time.sleep(3600))
    monkeypatch.setattr(worker, "WAIT", 1)
    assert worker.run("", 0.1)["exit"] == -signal.SIGKILL


def test_a_worker_that_has_ended_is_no_kill(place: Copy) -> None:
    with started(place.folder, {"PYTHONPATH": "/nowhere"}, stderr=subprocess.DEVNULL) as process:
        process.wait()
        with pytest.raises(RunError, match="a worker has ended"):
            Copy(place.folder, process).run("test_few.py", 1)


# What is reported


def results(**fates: str) -> list[Result]:
    """Of parts, as letters: k killed, t timed out, s survived."""
    named = {"k": Fate.KILLED, "t": Fate.TIMED_OUT, "s": Fate.SURVIVED}
    return [
        Result(Mutant(part, f"{part}.py", line, "AddNot", 0), "if a: -> if not a:", named[letter])
        for part, letters in fates.items()
        for line, letter in enumerate(letters, 1)
    ]


def test_the_table_counts_by_part_and_names_each_survivor() -> None:
    assert list(report.lines(results(verdict="kktk", bundle="ks"), seed=7)) == [
        "part               mutants  killed  survived       %",
        "verdict                  4       4         0   100.0",
        "bundle                   2       1         1    50.0",
        "all                      6       5         1    83.3",
        "survived: bundle.py:2: if a: -> if not a:",
        "seed 7: 5 of 6 mutants killed, less than the 95% that are asked for",
    ]


@pytest.mark.parametrize(
    ("killed", "survived", "reached"), [(19, 1, True), (18, 1, False), (94, 5, False), (1, 0, True)]
)
def test_the_bar_is_reached_from_95_percent_on(killed: int, survived: int, *, reached: bool) -> None:
    some = results(bundle="k" * killed + "s" * survived)
    assert report.reached(some) is reached
    assert (" at least 95%" in list(report.lines(some, 1))[-1]) is reached


def test_the_report_as_json_says_what_became_of_each() -> None:
    said = report.as_json(results(bundle="ts"), seed=3)
    assert json.loads(json.dumps(said)) == said
    assert (said["seed"], said["bar"]) == (3, 0.95)
    assert said["parts"]["bundle"] == {"mutants": 2, "killed": 1, "survived": 1, "share": 0.5}
    assert [(each["file"], each["line"], each["fate"]) for each in said["mutants"]] == [
        ("bundle.py", 1, "timed out"),
        ("bundle.py", 2, "survived"),
    ]
