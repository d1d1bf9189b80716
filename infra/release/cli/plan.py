"""`plan`: show what the next `pulumi up` would release from the working tree."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from infra.console import Exit, Json, answer
from infra.release.cli.output import Stack, answering
from infra.release.model.spec import ReleaseError
from infra.release.reports.preview import PLAN_FILE


def plan(*, stack: Stack, as_json: Json = False) -> None:
    """Show what `pulumi up` would release: versions, changes, curve, bounds, hooks, and each precondition that fails.

    It runs `pulumi preview`, so it reads the working tree and changes nothing. Exit code 3: a release would be refused.
    """
    with answering(as_json=as_json):
        foreseen = previewed(stack)
    refused = any(each["would"] == "refuse" for each in foreseen)
    tables: list[RenderableType] = [_table(each) for each in foreseen]
    tables = tables or ["Nothing would be released: no input of the release has changed."]
    answer({"plan": foreseen}, *tables, as_json=as_json, code=Exit.REFUSED if refused else Exit.OK)


def previewed(stack: str) -> list[dict[str, Any]]:
    """Run a preview and return the release previews of infra.release.reports.preview; none if nothing would change.

    Raises ReleaseError with Pulumi's own error if the preview fails.
    """
    command = ["pulumi", "preview", "--non-interactive", "--color", "never", "--stack", stack]
    with tempfile.TemporaryDirectory(prefix="strata-plan-") as folder:
        file = Path(folder) / "plan.json"
        try:
            env = {**os.environ, PLAN_FILE: str(file)}
            ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise ReleaseError(
                "the command `pulumi` is not on PATH: it previews what would change; install it"
            ) from None
        if ran.returncode:
            said = [line.strip() for line in (ran.stdout + ran.stderr).splitlines() if "error:" in line]
            raise ReleaseError(f"the preview of stack {stack} failed: {'; '.join(said) or ran.stderr.strip()}")
        found: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return found


def _table(foreseen: dict[str, Any]) -> Table:
    """Return one function's release preview as a table, a row for each field that is not empty."""
    table = Table(show_header=False, box=None, pad_edge=False, title_justify="left", title_style="bold")
    table.title = f"{foreseen['function']}: would {foreseen['would']}"
    rows = {
        "live": foreseen["live"] or "nothing",
        "next": foreseen["next"] or f"not published yet; digest {foreseen['digest'] or 'unknown'}",
        "changed": ", ".join(foreseen["changes"]),
        "curve": f"{foreseen['curve']}, judged over {foreseen['minutes']} minutes" if foreseen["curve"] else "",
        "chosen": foreseen.get("choice", ""),
        "verdict": foreseen["bounds"],
        "evidence": foreseen["evidence"],
        "hooks": ", ".join(foreseen["hooks"]),
        "why": foreseen["why"],
    }
    for name, value in rows.items():
        if value:
            table.add_row(f"  {name}", value)
    return table
