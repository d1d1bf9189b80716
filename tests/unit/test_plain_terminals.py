"""A terminal of 60 columns, without colour or UTF-8, shows a rehearsal and the pipeline's commands all the same."""

import io
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from infra.console import fitted, plain_table
from rehearsal.console import Narrator
from rehearsal.observe.traffic import Orders
from rehearsal.promotion.report import Promoted
from rehearsal.promotion.report import Report as Promotion
from rehearsal.release.report import Noop, Release, Report

ROOT = Path(__file__).resolve().parents[2]
NARROW = 60
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")
ENCODINGS = [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, {"LANG": "C", "LC_ALL": "C"}]
RELEASE = Release("evidence", "rolled_back", "evidence", "", "2", "16", "d-1", 255, 138.3, 1739, 1124, 0.1234)
REPORT = Report(150.0, 40.0, "v3", (RELEASE,), Orders(0, 0), Noop(0, 0.0, 0), calls={"strata-prod-deploy": {"x:Y": 3}})
PROMOTED = Promotion(1.0, (Promoted("staging", "promoted", "d-ZI5ZUSRN1", "digest"),), (), ())
NARRATION = """
import sys
from rehearsal.cli import run_guarded
from rehearsal.console import Narrator
from rich.console import Console

def act():
    narrator = Narrator(Console(highlight=False))
    narrator.say("Order \\u20ac 5 \\u2026")
    narrator.output("  1s \\u00b7 \\u65e5")
    print("policy \\u2192 passed")
    return 0

sys.exit(run_guarded("rehearsal", act))
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHON", "LANG"))}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env | environment, capture_output=True, check=False, timeout=120
    )


def drawn(table: Table, width: int) -> list[str]:
    narrator = Narrator(Console(file=io.StringIO(), width=width))
    narrator.show(table)
    assert isinstance(narrator.console.file, io.StringIO)
    return [line.rstrip() for line in narrator.console.file.getvalue().splitlines()]


@pytest.mark.parametrize("environment", ENCODINGS, ids=lambda given: "-".join(given.values()))
def test_a_rehearsal_is_printed_in_any_encoding(environment: dict[str, str]) -> None:
    ran = run("-c", NARRATION, **environment)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stderr == b""


def test_what_an_encoding_lacks_is_written_by_ascii() -> None:
    ran = run("-c", NARRATION, PYTHONIOENCODING="ascii")
    assert ran.stdout.decode("ascii").splitlines() == ["Order ? 5 .", "      1s | ?", "policy ? passed"]


@pytest.mark.parametrize("environment", ENCODINGS, ids=lambda given: "-".join(given.values()))
def test_the_pipelines_commands_answer_in_any_encoding(environment: dict[str, str], tmp_path: Path) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text("#!/bin/sh\nprintf 'caf\\303\\251 \\342\\200\\246 \\377\\n'\nexit 1\n")
    pulumi.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ran = run("-m", "infra.pipeline", "plan", "--stack", "prod", "--into", str(tmp_path), PATH=path, **environment)
    assert ran.returncode == 1
    assert b"Preview and policy: FAILED" in ran.stdout
    assert b"Traceback" not in ran.stderr
    assert "café …" in (tmp_path / "prod.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [REPORT.table(), REPORT.callers(), PROMOTED.table()])
@pytest.mark.parametrize("width", [30, NARROW])
def test_a_table_fits_a_narrow_terminal_with_every_word_of_it(table: Table, width: int) -> None:
    lines = drawn(table, width)
    assert max(map(len, lines)) <= width
    said = " ".join(" ".join(lines).split())
    for column in table.columns:
        assert all(str(cell) in said for cell in column.cells)


def test_a_table_that_is_too_wide_is_a_paragraph_for_each_row() -> None:
    assert drawn(REPORT.table(), NARROW) == [
        "evidence:",
        "  outcome rolled back (evidence), versions 2 -> 16, seconds",
        "  138.3, requests 1739, harmed 1124, canary 12.3%",
    ]


def test_a_table_that_fits_stays_one() -> None:
    table = plain_table()
    table.add_column("release")
    table.add_row("good")
    assert fitted(table, Console(width=NARROW)) is table


def test_a_paragraph_keeps_to_the_width_and_a_path_in_it_whole() -> None:
    path = "/tmp/strata-" + "a-b" * 20  # noqa: S108  never opened
    narrator = Narrator(Console(file=io.StringIO(), width=NARROW))
    narrator.say(f"The project is a scratch copy in {path}, where each edit is a commit, as in the real one.")
    assert isinstance(narrator.console.file, io.StringIO)
    lines = narrator.console.file.getvalue().splitlines()
    assert f"{path}," in lines
    assert all(len(line) <= NARROW for line in lines if path not in line)


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        narrator = Narrator(Console(file=io.StringIO(), force_terminal=True, color_system="truecolor"))
        narrator.command("pulumi up")
        narrator.result("promoted", good=True)
        narrator.output("    error: no")
        assert isinstance(narrator.console.file, io.StringIO)
        return narrator.console.file.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert COLOUR.search(said())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(said())


def test_a_terminal_that_cannot_move_its_cursor_has_status_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("rehearsal.console.PLAIN_EVERY", 0.01)
    narrator = Narrator(Console(file=io.StringIO(), force_terminal=True))
    asked = threading.Semaphore(0)

    def status() -> str:
        asked.release()
        return "60/s"

    with narrator.watching(status):
        assert all(asked.acquire(timeout=120) for _ in range(2))
    assert isinstance(narrator.console.file, io.StringIO)
    assert "[60/s]" in narrator.console.file.getvalue()
