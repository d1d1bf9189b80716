"""Writes the figures: the two JSON files, the plots, and the generated parts of the two pages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import verdict_plots, verdict_tables
from bench.verdict_bars import Figures
from bench.verdict_tally import Key, Tallies, Tally
from bench.verdict_worlds import WORLDS

ROOT = Path(__file__).resolve().parent.parent
PLOTS = ROOT / "docs" / "verdict"
PAGES = (ROOT / "docs" / "verdict.md", PLOTS / "figures.md")
FIGURES = ROOT / ".bench"

_BLOCK = re.compile(r"(<!-- bench: (?P<name>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


class PageError(ValueError):
    """The markers of the pages and the generated blocks do not match."""


def fill(texts: Sequence[str], blocks: Mapping[str, str]) -> list[str]:
    """Return `texts` with the text between each pair of markers replaced.

    Raises PageError for a block without a marker, a marker without a block, and a name that occurs twice.
    """
    found = [match["name"] for text in texts for match in _BLOCK.finditer(text)]
    if sorted(found) != sorted(blocks):
        odd = sorted(set(found) ^ set(blocks)) or sorted(name for name in blocks if found.count(name) > 1)
        raise PageError(f"markers and generated blocks do not match: {', '.join(odd)}; give each block one marker")
    return [_BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match['name']]}\n\n{match[3]}", text) for text in texts]


def row(key: Key, tally: Tally) -> dict[str, Any]:
    """Return one row of a JSON file."""
    found: dict[str, Any] = {} if key.world is None else {"world": key.world}
    return found | {
        "rule": key.rule,
        "curve": key.curve,
        "extra_minutes": key.extra_minutes,
        "baseline": key.baseline,
        "requests_per_second": int(key.rps) if key.rps.is_integer() else key.rps,
        "regression": key.regression,
        "runs": tally.runs,
        "fired": tally.share,
        "mean_minutes": tally.mean_minutes,
        "harm_ratio": tally.harm_ratio,
    }


def write(tallies: Tallies) -> None:
    """Write the JSON files, the plots and the pages."""
    figures = Figures(tallies)
    worlds = {world.name for world in WORLDS}
    FIGURES.mkdir(exist_ok=True)
    for name, wanted in (("verdict", {None}), ("verdict_worlds", worlds)):
        rows = [row(key, tally) for key, tally in tallies.items() if key.world in wanted]
        lines = ",\n".join(json.dumps(each) for each in rows)
        (FIGURES / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    verdict_plots.draw(figures, PLOTS)
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    for page, text in zip(PAGES, fill(texts, verdict_tables.blocks(figures)), strict=True):
        page.write_text(text, encoding="utf-8")
