"""What became of the mutants, as a table, as a list of survivors and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.mutants.run import Fate, Result

BAR = 0.95
"""The share of the mutants that the unit tests must kill; the rest allows for those that change no behaviour."""


@dataclass(frozen=True)
class Tally:
    """How many mutants there were, of one part or of all, and how many of them were killed."""

    name: str
    mutants: int
    killed: int

    @property
    def survived(self) -> int:
        return self.mutants - self.killed

    @property
    def share(self) -> float:
        """From 0 to 1; 1 where there was no mutant."""
        return self.killed / self.mutants if self.mutants else 1.0

    def as_json(self) -> dict[str, Any]:
        return {"mutants": self.mutants, "killed": self.killed, "survived": self.survived, "share": self.share}


def tally(name: str, results: Iterable[Result]) -> Tally:
    fates = [result.fate for result in results]
    return Tally(name, len(fates), len(fates) - fates.count(Fate.SURVIVED))


def tallies(results: Sequence[Result]) -> list[Tally]:
    """One for each part that had a mutant, and one for all."""
    parts = dict.fromkeys(result.mutant.part for result in results)
    by_part = [tally(part, (each for each in results if each.mutant.part == part)) for part in parts]
    return [*by_part, tally("all", results)]


def lines(results: Sequence[Result], seed: int) -> Iterator[str]:
    """The table, each survivor in a line, and whether the bar is reached."""
    yield f"{'part':<18}{'mutants':>8}{'killed':>8}{'survived':>10}{'%':>8}"
    for each in tallies(results):
        yield f"{each.name:<18}{each.mutants:>8}{each.killed:>8}{each.survived:>10}{100 * each.share:>8.1f}"
    yield from (
        f"survived: {result.mutant.file}:{result.mutant.line}: {result.change}"
        for result in results
        if result.fate is Fate.SURVIVED
    )
    whole = tally("all", results)
    said = "at least" if reached(results) else "less than the"
    yield f"seed {seed}: {whole.killed} of {whole.mutants} mutants killed, {said} {BAR:.0%} that are asked for"


def reached(results: Sequence[Result]) -> bool:
    return tally("all", results).share >= BAR


def as_json(results: Sequence[Result], seed: int) -> dict[str, Any]:
    """{"seed", "bar", "parts": {name: counts}, "mutants": [{"file", "line", "operator", "change", "fate", ...}]}."""
    return {
        "seed": seed,
        "bar": BAR,
        "parts": {each.name: each.as_json() for each in tallies(results)},
        "mutants": [
            {
                "part": result.mutant.part,
                "file": result.mutant.file,
                "line": result.mutant.line,
                "operator": result.mutant.operator,
                "occurrence": result.mutant.occurrence,
                "change": result.change,
                "fate": str(result.fate),
            }
            for result in results
        ],
    }
