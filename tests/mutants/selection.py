"""Which unit tests can notice a mutant of a module: those that import it, near ones first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

import grimp

CODE = ("app", "bench", "infra", "local", "rehearsal", "tests")
UNIT = ("tests.unit.test_", "local.tests.unit.test_")
"""How the names of the unit tests begin."""
SLOW = ("tests/unit/test_release_machine.py", "tests/unit/test_artifacts_build.py")
"""Left out: tens of seconds for each mutant, of random steps and of pip."""


@dataclass(frozen=True)
class Tests:
    """Test files. `near`: they import the module or are named for it. `far`: they reach it through other modules."""

    near: tuple[str, ...]
    far: tuple[str, ...]

    __test__ = False  # or pytest would collect it

    def ordered(self, seconds: Mapping[str, float]) -> list[str]:
        """The near ones and then the far ones, each by how long they take."""
        return [file for each in (self.near, self.far) for file in sorted(each, key=lambda file: (seconds[file], file))]


def tests_of(files: Iterable[str]) -> dict[str, Tests]:
    """The unit tests of each of these source files; run where `tests`, `infra` and `local` can be imported."""
    graph = grimp.build_graph(*CODE, cache_dir=None)
    return {file: select(graph, file) for file in files}


def select(graph: grimp.ImportGraph, file: str) -> Tests:
    """Where no test imports the module itself, those that reach it through the fewest others are near."""
    module = module_of(file)
    steps = {}
    for name in graph.find_downstream_modules(module):
        if name.startswith(UNIT) and (test := f"{name.replace('.', '/')}.py") not in SLOW:
            steps[test] = len(graph.find_shortest_chain(name, module) or ()) - 1
    near = {test for test, distance in steps.items() if distance == min(steps.values()) or named_for(test, module)}
    return Tests(tuple(sorted(near)), tuple(sorted(set(steps) - near)))


def module_of(file: str) -> str:
    """`infra/config/__init__.py` is `infra.config`."""
    return str(PurePath(file).with_suffix("")).replace("/", ".").removesuffix(".__init__")


def named_for(test: str, module: str) -> bool:
    """test_smoke_files.py is named for infra.bundle.smoke, and test_bundle_packages.py for all of infra.bundle."""
    words = PurePath(test).stem.removeprefix("test_")
    return any(words == name or words.startswith(f"{name}_") for name in module.split(".")[-2:])
