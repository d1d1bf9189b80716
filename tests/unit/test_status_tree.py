"""`status` on a terminal, as golden/status_*.txt have it at several widths. Elsewhere it prints lines."""

import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from rich.console import Console

from infra import console
from infra.release.cli.progress import progress_reporter
from infra.release.cli.status import FunctionStatus, status_of, table
from infra.release.decision import next_action
from infra.release.decision.context import ReleaseContext
from infra.release.decision.recovery import findings
from infra.release.model.observation import Alias, Observation, Status
from infra.release.model.outcome import Phase, Progress
from infra.release.model.tags import Overridden, RetryGrant, Stopped
from infra.release.verdict.judge import Counts
from tests.golden import Golden
from tests.unit.fake_cloud import version
from tests.unit.seen import (
    NEW,
    NOW,
    POLICY,
    SPLIT,
    TARGET,
    WHOLE,
    deployment,
    entry,
    minutes,
    noted,
    rollback,
    seen,
    stopped,
)

ROOT = Path(__file__).resolve().parents[2]
ENTRY = replace(entry(version(1).fingerprint, "7"), commit="c0ffee1", by="user/bob", at=NOW - minutes(95))
BEFORE = replace(deployment(Status.SUCCEEDED, ago=95, ended=NOW - minutes(80), entry=ENTRY, canary="1"), id="d-0")
HOOKED = replace(TARGET, before_allow_traffic="CodeDeployHook_smoke")
SEEN = {
    "canary": seen(
        deployment(),
        BEFORE,
        following="d-1",
        alias=SPLIT,
        shifted=NEW,
        stable=Counts(1810, 4),
        canary=Counts(190, 0),
    ),
    "condemned": seen(
        deployment(), following="d-1", alias=SPLIT, shifted=NEW, stable=Counts(810, 1), canary=Counts(90, 45)
    ),
    "hook": seen(deployment(), following="d-1"),
    "promoted": seen(deployment(Status.SUCCEEDED), **WHOLE),
    "rejected": seen(
        rollback(Status.SUCCEEDED),
        stopped(),
        tags=noted(
            Stopped("d-1", "operator", "totals of every order in Swiss francs are wrong since the last release"),
            Overridden("0123456789abcdef", "older", "ann: the revert is on its way"),
        ),
    ),
    "retry": seen(rollback(Status.SUCCEEDED), stopped(), tags=noted(RetryGrant(NEW.fingerprint, "d-1", why="network"))),
    "others": seen(deployment(entry=None), following="d-1", alias=SPLIT, shifted=NEW),
    "split": seen(alias=Alias("1", "2", 0.004), shifted=NEW),
}


def status(what: Observation) -> FunctionStatus:
    observed = {HOOKED.function: what}
    watched = next_action.watch([HOOKED], observed, POLICY, NOW)[HOOKED.function]
    context = ReleaseContext(HOOKED, what, POLICY, NOW)
    return status_of(context, watched, findings([HOOKED], observed, POLICY, NOW), lambda at: at)


def drawn(what: Observation, width: int, *, terminal: bool = True) -> str:
    """The lines on a screen of that width, without colour."""
    console = Console(file=StringIO(), width=width, force_terminal=terminal, color_system=None, markup=False)
    console.print(status(what))
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_tree_is_the_one_that_was_looked_at(width: int, golden: Golden) -> None:
    golden(f"status_{width}", "\n".join(f"# {name}\n{drawn(what, width)}" for name, what in SEEN.items()))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("name", SEEN)
def test_no_line_is_longer_than_the_terminal_is_wide(name: str, width: int) -> None:
    assert max(map(len, drawn(SEEN[name], width).splitlines())) <= width


@pytest.mark.parametrize("name", SEEN)
def test_without_a_terminal_the_lines_are_those_of_the_table(name: str) -> None:
    lines = StringIO()
    Console(file=lines, width=100, markup=False).print(table(TARGET.function, status(SEEN[name]).document))
    expected = "".join(f"{line.rstrip()}\n" for line in lines.getvalue().splitlines())
    assert drawn(SEEN[name], 100, terminal=False) == expected


def test_the_verdict_is_red_once_a_rule_has_fired_and_green_before() -> None:
    def colours(what: Observation) -> str:
        console = Console(file=StringIO(), width=80, force_terminal=True, color_system="standard", no_color=False)
        console.print(status(what))
        return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]

    assert "\x1b[32mz " in colours(SEEN["canary"])
    assert "\x1b[1;31mz " in colours(SEEN["condemned"])


def test_an_encoding_without_the_characters_gets_ascii_ones() -> None:
    screen = BytesIO()
    stream = TextIOWrapper(screen, encoding="ascii", errors=console.substitute.__name__)
    console.print_anywhere()
    Console(file=stream, width=80, force_terminal=True, color_system=None, markup=False).print(status(SEEN["canary"]))
    stream.flush()
    first, second = screen.getvalue().decode("ascii").splitlines()[1:4:2]
    assert first.startswith("+-- v1          90%  ##################..  4/1810 errors")
    assert second.startswith("+-- v2          10%  ##..................   0/190 errors")


PRINTS = """
from infra.console import print_anywhere
from infra.release.cli.progress import progress_reporter
from infra.release.model.outcome import Phase, Progress
print_anywhere()
with progress_reporter(as_json=False) as report:
    report(Progress("orders", Phase.CANARY, "3/10 min · v2 10%: 0/90 errors · ł"))
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_printed_in_every_encoding(encoding: str, terminal: bool) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1"}
    env |= {"FORCE_COLOR": "1"} if terminal else {}
    ran = subprocess.run([sys.executable, "-c", PRINTS], env=env, capture_output=True, check=True)
    separator, letter = {"ascii": ("|", "?"), "latin-1": ("·", "?"), "utf-8": ("·", "ł")}[encoding]
    expected = f"orders: canary: 3/10 min {separator} v2 10%: 0/90 errors {separator} {letter}"
    assert expected in ran.stdout.decode(encoding)


def test_the_command_itself_prints_in_every_encoding(tmp_path: Path) -> None:
    (tmp_path / "pulumi").write_text("#!/bin/sh\nexit 255\n")
    (tmp_path / "pulumi").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "1"}
    typed = [sys.executable, "-m", "infra.release", "status", "--stack", "prod-ł"]
    ran = subprocess.run(typed, cwd=ROOT, env=env, capture_output=True, check=False)
    assert ran.returncode == 4
    assert ran.stderr.startswith(b"error: stack prod-? has no release: ")


def test_a_line_of_progress_is_wrapped_between_words_and_never_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "3/10 min · v2 10%: 45/90 errors · v1 90%: 3/810 · z 12.30 (limit 3.09)"
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "60", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    with progress_reporter(as_json=False) as report:
        report(Progress("strata-prod-orders", Phase.CANARY, text))
        report(Progress("strata-prod-orders", Phase.CANARY, text, repeated=True))
    shown = capsys.readouterr().out
    assert shown.count("(limit 3.09)") >= 2
    assert "45/90 errors \n· v1 90%: 3/810" in shown
