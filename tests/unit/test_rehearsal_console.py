"""A rehearsal is printed so that a person can follow it, on a terminal and without one."""

import io
import threading

import pytest
from rich.console import Console

from rehearsal.console import Narrator


def printed(narrator: Narrator) -> list[str]:
    assert isinstance(narrator.console.file, io.StringIO)
    return [line.strip() for line in narrator.console.file.getvalue().splitlines()]


@pytest.fixture
def narrator() -> Narrator:
    return Narrator(Console(file=io.StringIO(), width=80))


def test_of_pulumis_output_dots_outputs_and_what_is_repeated_are_left_out(narrator: Narrator) -> None:
    for line in [
        "Updating (prod):",
        "@ updating....",
        " +  aws:sns:Topic t created (1s)",
        " +  aws:sns:Topic u **creating failed** error: no",
        "",
        "Diagnostics:",
        "  aws:sns:Topic (u):",
        "    printed before",
        "    error: no",
        "",
        "Outputs:",
        '    api_url: "http://x"',
        "",
        "    release: {",
        "Resources:",
        "    + 1 created",
    ]:
        narrator.output(line)
    assert printed(narrator) == [
        "Updating (prod):",
        "+  aws:sns:Topic t created (1s)",
        "error: no",
        "Resources:",
        "+ 1 created",
    ]


def row(seconds: int, words: str) -> str:
    return f" ~  strata:release:Release release updating ({seconds}s) [diff: ~targets]; {words}"


def test_the_releases_words_are_printed_alone_and_once(narrator: Narrator) -> None:
    narrator.output(" ~  strata:release:Release release updating (0s) [diff: ~targets]")
    narrator.output(row(1, "f: start: 1 -> 2"))
    narrator.output(row(2, "f: end: promoted; all traffic is on 2"))
    narrator.output(row(2, "f: end: promoted; all traffic is on 2").replace("updating", "updated"))
    narrator.output(row(3, "error: f 1 -> 2 rolled back"))
    narrator.output(" +  strata:release:Release release create")
    narrator.output(" +  strata:release:Release release creating (0s)")
    narrator.output(" +  strata:release:Release release creating (0.5s) f: probe: calling 1 (first)")
    narrator.output(
        " ~  strata:release:Release release **updating failed** [diff: ~targets]; error: f 1 -> 2 rolled back"
    )
    narrator.output(" ~  strata:release:Release release update [diff: ~targets]; f: 1 -> the next")
    narrator.output("    strata:release:Release release  warning: f: alias live is on version 1")
    assert printed(narrator) == [
        "~  strata:release:Release release updating (0s) [diff: ~targets]",
        "1s  f: start: 1 -> 2",
        "2s  f: end: promoted; all traffic is on 2",
        "+  strata:release:Release release create",
        "+  strata:release:Release release creating (0s)",
        "0.5s  f: probe: calling 1 (first)",
        "f: 1 -> the next",
        "warning: f: alias live is on version 1",
    ]


def test_of_the_lines_on_a_canary_one_a_second_is_shown(narrator: Narrator, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("rehearsal.console.time.monotonic", lambda: now)
    for quarter in range(9):
        now = 1000 + quarter / 4
        narrator.output(row(quarter // 4, f"f: canary: line {quarter}"))
    narrator.output(row(3, "f: end: promoted"))
    assert [line.partition("f: ")[2] for line in printed(narrator)] == [
        "canary: line 0",
        "canary: line 4",
        "canary: line 8",
        "end: promoted",
    ]


def test_status_lines_are_repeated_without_a_terminal(narrator: Narrator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rehearsal.console.PLAIN_EVERY", 0.01)
    asked = threading.Semaphore(0)

    def status() -> str:
        asked.release()
        return "60/s"

    with narrator.watching(status):
        assert all(asked.acquire(timeout=120) for _ in range(3))
    assert printed(narrator)[:2] == ["[60/s]", "[60/s]"]


def test_on_a_terminal_the_status_stays_below_what_is_printed(narrator: Narrator) -> None:
    narrator = Narrator(Console(file=io.StringIO(), width=80, force_terminal=True))
    with narrator.watching(lambda: "60/s"):
        narrator.say("Something happens.")
    assert isinstance(narrator.console.file, io.StringIO)
    drawn = narrator.console.file.getvalue()
    assert "60/s" in drawn
    assert drawn.rindex("60/s") > drawn.index("Something happens.")


def test_without_a_status_nothing_is_shown(narrator: Narrator) -> None:
    with narrator.watching(None):
        narrator.say("Quiet.")
    assert printed(narrator) == ["Quiet."]
