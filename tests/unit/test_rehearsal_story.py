"""A rehearsal is told so that a person can follow it, on a terminal and off it."""

import io
import threading

import pytest
from rich.console import Console

from rehearsal.console import Story


def told(story: Story) -> list[str]:
    assert isinstance(story.console.file, io.StringIO)
    return [line.strip() for line in story.console.file.getvalue().splitlines()]


@pytest.fixture
def story() -> Story:
    return Story(Console(file=io.StringIO(), width=80))


def test_of_pulumis_output_dots_outputs_and_what_is_repeated_are_left_out(story: Story) -> None:
    for line in [
        "Updating (prod):",
        "@ updating....",
        " +  aws:sns:Topic t created (1s)",
        " +  aws:sns:Topic u **creating failed** error: no",
        "",
        "Diagnostics:",
        "  aws:sns:Topic (u):",
        "    told before",
        "    error: no",
        "",
        "Outputs:",
        '    api_url: "http://x"',
        "",
        "    release: {",
        "Resources:",
        "    + 1 created",
    ]:
        story.output(line)
    assert told(story) == [
        "Updating (prod):",
        "+  aws:sns:Topic t created (1s)",
        "error: no",
        "Resources:",
        "+ 1 created",
    ]


def row(seconds: int, words: str) -> str:
    return f" ~  strata:release:Release release updating ({seconds}s) [diff: ~targets]; {words}"


def test_the_releases_words_stand_alone_and_are_said_once(story: Story) -> None:
    story.output(" ~  strata:release:Release release updating (0s) [diff: ~targets]")
    story.output(row(1, "f: start: 1 -> 2"))
    story.output(row(2, "f: end: promoted; all traffic is on 2"))
    story.output(row(2, "f: end: promoted; all traffic is on 2").replace("updating", "updated"))
    story.output(row(3, "error: f 1 -> 2 rolled back"))
    story.output(" +  strata:release:Release release create")
    story.output(" +  strata:release:Release release creating (0s)")
    story.output(" +  strata:release:Release release creating (0.5s) f: probe: calling 1 (first)")
    story.output(" ~  strata:release:Release release **updating failed** [diff: ~targets]; error: f 1 -> 2 rolled back")
    story.output(" ~  strata:release:Release release update [diff: ~targets]; f: 1 -> the next")
    story.output("    strata:release:Release release  warning: f: alias live is on version 1")
    assert told(story) == [
        "~  strata:release:Release release updating (0s) [diff: ~targets]",
        "1s  f: start: 1 -> 2",
        "2s  f: end: promoted; all traffic is on 2",
        "+  strata:release:Release release create",
        "+  strata:release:Release release creating (0s)",
        "0.5s  f: probe: calling 1 (first)",
        "f: 1 -> the next",
        "warning: f: alias live is on version 1",
    ]


def test_of_the_looks_at_a_canary_one_a_second_is_shown(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("rehearsal.console.time.monotonic", lambda: now)
    for quarter in range(9):
        now = 1000 + quarter / 4
        story.output(row(quarter // 4, f"f: canary: look {quarter}"))
    story.output(row(3, "f: end: promoted"))
    assert [line.partition("f: ")[2] for line in told(story)] == [
        "canary: look 0",
        "canary: look 4",
        "canary: look 8",
        "end: promoted",
    ]


def test_status_lines_come_by_themselves_where_there_is_no_terminal(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.console.PLAIN_EVERY", 0.01)
    asked = threading.Semaphore(0)

    def status() -> str:
        asked.release()
        return "60/s"

    with story.watching(status):
        assert all(asked.acquire(timeout=5) for _ in range(3))
    assert told(story)[:2] == ["[60/s]", "[60/s]"]


def test_on_a_terminal_the_status_stays_below_what_is_printed(story: Story) -> None:
    story = Story(Console(file=io.StringIO(), width=80, force_terminal=True))
    with story.watching(lambda: "60/s"):
        story.say("Something happens.")
    assert isinstance(story.console.file, io.StringIO)
    drawn = story.console.file.getvalue()
    assert "60/s" in drawn
    assert drawn.rindex("60/s") > drawn.index("Something happens.")


def test_without_a_status_nothing_is_shown(story: Story) -> None:
    with story.watching(None):
        story.say("Quiet.")
    assert told(story) == ["Quiet."]
