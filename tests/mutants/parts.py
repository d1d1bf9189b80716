"""What is mutated, the mutants of it, and a random sample of those."""

import ast
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast  # type: ignore[import-untyped]
from cosmic_ray.mutating import mutate_code  # type: ignore[import-untyped]

from tests.mutants.operators import OPERATORS

PARTS = {
    "decision core": ("infra/release/decision/*.py",),
    "verdict": (
        "infra/release/verdict/judge.py",
        "infra/release/verdict/metric_math.py",
        "infra/release/verdict/rule.py",
    ),
    "configuration": ("infra/config/*.py",),
    "bundle": ("infra/bundle/*.py",),
    "retention": ("infra/release/reports/retention.py",),
    "local CodeDeploy": ("local/cloud/codedeploy/machine.py", "local/cloud/codedeploy/appspec.py"),
}
"""The files of each part, as patterns. The rest of the local CodeDeploy answers HTTP, and is tested by boto3."""


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the operator's change number `occurrence`, counted from the top of the file."""

    part: str
    file: str
    line: int
    operator: str
    occurrence: int

    def applied(self, source: str) -> str | None:
        """The file with the change; None if Python cannot read it then, or reads the same."""
        changed = mutate_code(source, OPERATORS[self.operator], self.occurrence)
        if changed is None or not _compiles(changed) or ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source)):
            return None
        return str(changed)


def files(root: Path) -> Iterator[tuple[str, str]]:
    """Each part with each of its files, relative to `root`."""
    for part, patterns in PARTS.items():
        for pattern in patterns:
            for path in sorted(root.glob(pattern)):
                yield part, str(path.relative_to(root))


def mutants(root: Path) -> Iterator[Mutant]:
    """Every mutant of every part, in the order of parts, files and operators."""
    for part, file in files(root):
        tree = get_ast((root / file).read_text())
        for name, operator in OPERATORS.items():
            positions = (begin for node in ast_nodes(tree) for begin, _ in operator.mutation_positions(node))
            for occurrence, (line, _) in enumerate(positions):
                yield Mutant(part, file, line, name, occurrence)


def sample(root: Path, population: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of the mutants that Python can read, or all if there are fewer; the same ones for the same seed."""
    shuffled = list(population)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 (not for secrets)
    chosen: list[Mutant] = []
    for mutant in shuffled:
        if len(chosen) == count:
            break
        if mutant.applied((root / mutant.file).read_text()) is not None:
            chosen.append(mutant)
    return sorted(chosen, key=lambda each: (list(PARTS).index(each.part), each.file, each.line))


def difference(before: str, after: str) -> str:
    """The change in one line: "old -> new", both without their indentation."""
    old, new = before.splitlines(), after.splitlines()
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            return f"{_one_line(old[i:i_end])} -> {_one_line(new[j:j_end])}"
    return ""


def _one_line(lines: Sequence[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True
