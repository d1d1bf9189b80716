"""The pictures of docs/captures stand alone, and a rehearsal's shows what matters of its text."""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from rich.text import Text

from rehearsal import __main__ as entry
from rehearsal.picture import picture
from rehearsal.recording import TEXT, RecordingError, rehearsal_svg, shortened

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = sorted((ROOT / "docs/captures").glob("*.svg"))
RECORDED = (ROOT / "tests/recorded/rehearsal.txt").read_text(encoding="utf-8")
SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 200_000  # bytes
GREEN = "fill: #98e024"
TALLEST = 1.2  # times its width
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def reaches_out(svg: str) -> Iterator[str]:
    """What in a picture runs, or is fetched from elsewhere. Text may name any host."""
    for element in ElementTree.fromstring(svg).iter():  # noqa: S314  our own files
        name = element.tag.removeprefix(SVG)
        if name in {"script", "foreignObject", "image", "a", "use"}:
            yield f"<{name}>"
        given = [f"{key}={value}" for key, value in element.attrib.items()]
        given += [element.text or ""] if name == "style" else []
        yield from (each for each in given if re.search(r"//|@import|@font-face|url\((?!#)|\bon\w+=|href", each))


def rows(svg: str) -> list[str]:
    """The lines of a picture, as a reader sees them."""
    found: dict[float, str] = {}
    for text in ElementTree.fromstring(svg).iterfind(f".//{SVG}g[@clip-path]//{SVG}text"):  # noqa: S314  our own files
        height, column = float(text.attrib["y"]), round(float(text.attrib["x"]) / 12.2)
        found[height] = found.get(height, "").ljust(column) + (text.text or "").replace("\xa0", " ")
    return [found[height].rstrip() for height in sorted(found)]


@pytest.mark.parametrize("file", CAPTURES, ids=lambda file: file.stem)
def test_no_capture_refers_to_another_host_or_is_too_large(file: Path) -> None:
    svg = file.read_text(encoding="utf-8")
    assert list(reaches_out(svg)) == []
    assert len(svg.encode()) < LARGEST


def test_the_default_of_the_library_would_be_found_to_reach_out() -> None:
    console = Console(record=True, file=StringIO())
    console.print("words")
    assert list(reaches_out(console.export_svg())) != []


def test_a_long_line_goes_on_below_its_words() -> None:
    svg = picture(["  12s  one two three four five", "short"], title="t", name="t", width=20)
    assert rows(svg) == ["  12s  one two three", "       four five", "short"]


def test_a_picture_has_its_own_background_and_the_colours_of_the_terminal() -> None:
    svg = picture(["\x1b[32mgood\x1b[0m"], title="a & b", name="t", width=20)
    assert "<rect" in svg
    assert "a&#160;&amp;&#160;b" in svg
    assert GREEN in svg
    assert GREEN not in picture(["good"], title="", name="t", width=20)


def test_the_picture_of_a_rehearsal_shows_the_essential_and_is_not_too_tall() -> None:
    svg = rehearsal_svg(RECORDED)
    shown = rows(svg)
    chapters = [line.split(":")[0] for line in shown if re.match(r"\d+\. ", line)]
    assert chapters == ["1. first", "2. good", "3. bad"]
    assert shown.index("A rehearsal of Strata") == 2  # below the line of a busy machine, of two rows
    said = "\n".join(shown)
    for words in (
        "promoted (verdict)",
        "rolled back (verdict)",
        "most frequent error",
        "requests harmed",
        "All as told",
    ):
        assert words in said
    assert not [line for line in shown if "aws:" in line or "[live" in line or "Previewing" in line]
    width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
    assert height <= TALLEST * width
    assert len(svg.encode()) < LARGEST
    assert list(reaches_out(svg)) == []


def test_colours_make_no_difference_to_what_is_shown() -> None:
    plain = ANSI.sub("", RECORDED)
    assert shortened(plain.splitlines()) == [ANSI.sub("", line) for line in shortened(RECORDED.splitlines())]
    assert rows(rehearsal_svg(plain)) == rows(rehearsal_svg(RECORDED))


def test_of_a_canary_the_first_and_the_last_look_are_shown() -> None:
    looks = [line for line in shortened(ANSI.sub("", RECORDED).splitlines()) if ": canary: " in line]
    minutes = [int(re.findall(r"canary: (\d+)/10 min", look)[0]) for look in looks]
    assert len(minutes) == 4  # two of the good release, two of the bad one
    assert minutes[0] == minutes[2] == 0
    assert minutes[1] > minutes[3] > 0


@pytest.mark.parametrize("part", ["bad", "table"])
def test_a_text_without_a_part_of_the_story_is_not_drawn(part: str) -> None:
    missing = {"bad": "3. bad", "table": "release  "}[part]
    lines = [line for line in ANSI.sub("", RECORDED).splitlines() if not line.startswith(missing)]
    with pytest.raises(RecordingError, match=f"has no {part}; record a whole one"):
        shortened(lines)


@pytest.mark.parametrize(("code", "drawn"), [(0, ["rehearsal"]), (1, [])])
def test_only_a_rehearsal_that_ended_well_is_drawn_and_its_text_is_kept(
    code: int, drawn: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rehearse(console: Console, *_: object, enforce: bool) -> int:
        console.print(Text.from_ansi(RECORDED), soft_wrap=True)
        return int(enforce) or code

    put: list[str] = []
    monkeypatch.setattr(entry, "rehearse", rehearse)
    monkeypatch.setattr("rehearsal.screenshots.put", lambda name, _svg: put.append(name))
    assert entry.record(40.0, 55.0, tmp_path / "report.json") == code
    assert put == drawn
    assert "3. bad" in (tmp_path / TEXT).read_text(encoding="utf-8")


def test_the_readme_shows_the_rehearsal() -> None:
    """With words for a reader who does not see it."""
    (alt,) = re.findall(
        r"\[!\[([^]]+)\]\(docs/captures/rehearsal\.svg\)\]\(docs/\w+\.md", (ROOT / "README.md").read_text()
    )
    assert len(alt.split()) > 10
