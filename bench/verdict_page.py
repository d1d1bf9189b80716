"""Writes the figures: the two JSON files, and the generated parts of docs/verdict.md."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import verdict_plots, verdict_tables
from bench.verdict_bars import Figures
from bench.verdict_tally import Key, Tallies, Tally
from bench.verdict_worlds import WORLDS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "verdict.md"
FIGURES = ROOT / ".bench"

_BLOCK = re.compile(r"(<!-- bench: (?P<name>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


class PageError(ValueError):
    """The page and what is generated for it do not fit."""


def fill(text: str, blocks: Mapping[str, str]) -> str:
    """`text` with what stands between each pair of markers replaced. Raises PageError for a missing or unknown one."""
    found = [match["name"] for match in _BLOCK.finditer(text)]
    if sorted(found) != sorted(blocks):
        odd = ", ".join(sorted(set(found) ^ set(blocks))) or "a name that occurs twice"
        raise PageError(f"the markers of {PAGE.name} are not the generated blocks: {odd}; give each block one marker")
    return _BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match['name']]}\n\n{match[3]}", text)


def row(key: Key, tally: Tally) -> dict[str, Any]:
    """One row of a JSON file."""
    found: dict[str, Any] = {} if key.world is None else {"world": key.world}
    return found | {
        "rule": key.rule,
        "curve": key.curve,
        "extra_minutes": key.extra_minutes,
        "baseline": key.baseline,
        "requests_per_second": int(key.rps),
        "regression": key.regression,
        "runs": tally.runs,
        "fired": tally.share,
        "mean_minutes": tally.mean_minutes,
        "harm_ratio": tally.harm_ratio,
    }


def write(tallies: Tallies) -> None:
    """All of it."""
    figures = Figures(tallies)
    worlds = {world.name for world in WORLDS}
    FIGURES.mkdir(exist_ok=True)
    for name, wanted in (("verdict", {None}), ("verdict_worlds", worlds)):
        rows = [row(key, tally) for key, tally in tallies.items() if key.world in wanted]
        lines = ",\n".join(json.dumps(each) for each in rows)
        (FIGURES / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    verdict_plots.draw(figures, PAGE.parent / "verdict")
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), verdict_tables.blocks(figures)), encoding="utf-8")
