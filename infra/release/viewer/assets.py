"""The files of the viewer's page. esbuild makes its script of `page/viewer.ts` and uPlot when the viewer starts.

https://esbuild.github.io/api/#build
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.console import CommandError

PAGE = Path(__file__).resolve().parent / "page"
REPOSITORY = PAGE.parents[3]
ESBUILD = REPOSITORY / "app/node_modules/.bin/esbuild"
UPLOT = PAGE / "node_modules/uplot"
OPTIONS = ("--bundle", "--minify", "--format=iife", "--target=es2022", "--charset=utf8", "--log-level=error")


@dataclass(frozen=True)
class Asset:
    """A file of the page: its media type and its bytes."""

    type: str
    content: bytes


def assets() -> Mapping[str, Asset]:
    """Return the page's files by path. Raises CommandError if what makes them is not installed, or fails."""
    if not ESBUILD.exists() or not UPLOT.is_dir():
        missing = ESBUILD if not ESBUILD.exists() else UPLOT
        raise CommandError(
            f"the viewer's page is made by esbuild with uPlot, and {missing} is missing; run `make packages`"
        )
    made = subprocess.run([str(ESBUILD), "viewer.ts", *OPTIONS], cwd=PAGE, capture_output=True, check=False)
    if made.returncode:
        raise CommandError(f"esbuild cannot make the viewer's script: {made.stderr.decode(errors='replace').strip()}")
    style = (UPLOT / "dist/uPlot.min.css").read_bytes() + b"\n" + (PAGE / "viewer.css").read_bytes()
    return {
        "/": Asset("text/html; charset=utf-8", (PAGE / "index.html").read_bytes()),
        "/viewer.css": Asset("text/css; charset=utf-8", style),
        "/viewer.js": Asset("text/javascript; charset=utf-8", made.stdout),
    }
