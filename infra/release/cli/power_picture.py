"""Draw traffic against the smallest regression that is caught, as SVG, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from infra.release.model.spec import ReleaseError
from infra.release.verdict.power import Situation
from infra.release.verdict.reach import CHANCE, Point

COLOUR, OWN = "#0072B2", "#D55E00"  # of different lightness, after Okabe and Ito
LOWEST = 0.1  # points; the least that is computed
SETTINGS = {"svg.hashsalt": "strata", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9}


def draw(file: Path, situation: Situation, found: Sequence[Point], name: str) -> None:
    """Write the picture to `file`; `name` is the function whose traffic is marked.

    Raises ReleaseError where matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - only a picture needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise ReleaseError(
            "a picture needs matplotlib, which is not installed; `make venvs` installs it, or leave --svg out"
        ) from None
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.add_subplot()
        caught = [each for each in found if each.smallest is not None]
        values = [max(LOWEST, (each.smallest or 0) * 100) for each in caught]
        axes.plot([each.rps for each in caught], values, color=COLOUR, marker="o", markersize=4)
        axes.set(xscale="log", yscale="log", ylim=(LOWEST, 100), xlabel="requests per second to the alias")
        axes.set_xlim(min(each.rps for each in found), max(each.rps for each in found))
        axes.set_ylabel("percentage points above stable's error rate")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_title(
            f"Smallest regression caught {CHANCE * 10:g} times in 10\n{situation.name}, "
            f"stable's errors {situation.baseline * 100:g} %, metrics {situation.lateness} min late",
            loc="left",
            fontsize=10,
        )
        axes.grid(color="#e4e4e4", linewidth=0.6)
        axes.axvline(situation.rps, color=OWN, linestyle="--", linewidth=1.2)
        side = _side(situation, found)
        label, gap = _label(situation, found, name), (6 if side == "left" else -6, 0)
        axes.annotate(label, (situation.rps, 0.13), gap, textcoords="offset points", color=OWN, ha=side)
        try:
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        except OSError as problem:
            raise ReleaseError(f"{file} cannot be written ({problem.strerror}); give another file by --svg") from None


def _label(situation: Situation, found: Sequence[Point], name: str) -> str:
    """Say the traffic and what is caught there."""
    least = next(each.smallest for each in found if each.rps == situation.rps)
    caught = "nothing is caught so often" if least is None else f"+{least * 100:.1f} points"
    return f"{name}: {situation.rps:g} requests/s\n{caught}"


def _side(situation: Situation, found: Sequence[Point]) -> Literal["left", "right"]:
    """Put the label on the side of the line that has room."""
    return "left" if situation.rps < found[len(found) // 2].rps else "right"
