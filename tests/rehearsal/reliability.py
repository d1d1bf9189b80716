"""The table of docs/faults.md: what a release does when something goes wrong. tests/rehearsal asserts each row.

What a row has in code type under "what you see" must have stood on the screen, and what it has in bold is compared with
AWS's records.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STABLE, NEW = "stable", "new"
PROMOTED, UNCHANGED, REFUSED = "promoted", "unchanged", "refused"
HEAD = "| fault | what you see | traffic ends | the next `up` |\n|---|---|---|---|\n"


@dataclass(frozen=True)
class Row:
    """One fault. `traffic`: the version with the traffic once the fault is over. `then`: how the next `up` ends."""

    sees: str
    traffic: str
    then: str

    @property
    def quotes(self) -> list[str]:
        """Return what the output must contain."""
        return re.findall(r"`([^`]+)`", self.sees)

    @property
    def ends_on(self) -> str:
        return _bold(self.traffic, STABLE, NEW)

    @property
    def next_ends(self) -> str:
        return _bold(self.then, PROMOTED, UNCHANGED, REFUSED)


def _bold(text: str, *words: str) -> str:
    (word,) = re.findall(r"\*\*(\w+)\*\*", text)
    if word not in words:
        raise ValueError(f"{text!r} has {word} in bold: use one of {', '.join(words)}")
    return str(word)


def rows(page: str) -> Mapping[str, Row]:
    """The rows of a page's table of faults, by the fault without its marks of code."""
    _, _, rest = page.partition(HEAD)
    lines = rest.partition("\n\n")[0].splitlines()
    cells = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines)
    return {fault.replace("`", ""): Row(*seen) for fault, *seen in cells}


ROWS = rows((ROOT / "docs/faults.md").read_text())
