"""Draws the picture of a rehearsal from the text of its console: the releases of the first version, a good one and a
bad one, and the table at the end.

Other steps and Pulumi's rows of resources are left out, which the picture's title says.
"""

import re
from collections.abc import Iterator, Sequence

from rich.text import Text

from rehearsal.picture import picture

TEXT = "console.txt"  # beside the report: the console of the rehearsal that was recorded last
WIDTH = 112
TITLE = "make rehearsal (shortened)"
OPENING = "A rehearsal of Strata"  # the lines before it say how much a busy machine slows the rehearsal down
CHAPTERS = ("first", "good", "bad")

_CHAPTER = re.compile(r"\d+\. (?P<name>\w+): ")
_TABLE = re.compile(r"release +outcome +versions")
_RELEASE = re.compile(r" +[\d.]+s  \S+: (?P<phase>\w+): ")
_ERROR = re.compile(r" +error: (?!update failed)")
_TYPED = re.compile(r"  \$ ")
_RESULT = re.compile(r"  [a-z]")
_NARRATION = re.compile(r"\S")
_SHOWN_PHASES = {"start", "canary", "end"}


class RecordingError(Exception):
    """The text lacks a part of a rehearsal; the message says which."""


def rehearsal_svg(text: str) -> str:
    """Return the SVG. `text`: a whole rehearsal's console, with ANSI's colours or without. Raises RecordingError."""
    return picture(shortened(text.splitlines()), title=TITLE, name="rehearsal", width=WIDTH)


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the lines of the picture. Raises RecordingError if a chapter or the table is missing."""
    plain = [Text.from_ansi(line).plain.rstrip() for line in lines]
    starts = {found["name"]: place for place, line in enumerate(plain) if (found := _CHAPTER.match(line))}
    tables = [place for place, line in enumerate(plain) if _TABLE.match(line)]
    if missing := [name for name in CHAPTERS if name not in starts] + ["table"] * (not tables):
        raise RecordingError(f"the rehearsal's text has no {', '.join(missing)}; record a whole one by `make captures`")
    ends = [*starts.values(), len(plain)]
    shown = [*lines[: plain.index(OPENING) + 1], ""] if OPENING in plain else []
    for name in CHAPTERS:
        start = starts[name]
        end = min(place for place in ends if place > start)
        shown += [lines[start + place] for place in _essential(plain[start:end])]
        shown.append("")
    return [*shown, "...", "", *lines[tables[-1] :]]


def _essential(chapter: Sequence[str]) -> Iterator[int]:
    """Yield the shown lines of a chapter: the narrator's, the typed commands, and the release's, without the preview
    and with only the first and the last line on the canary."""
    canary = [place for place, line in enumerate(chapter) if _phase(line) == "canary"]
    for place, line in enumerate(chapter):
        phase = _phase(line)
        if phase is not None:
            if phase in _SHOWN_PHASES and place not in canary[1:-1]:
                yield place
        elif any(kind.match(line) for kind in (_NARRATION, _TYPED, _RESULT, _ERROR)):
            yield place


def _phase(line: str) -> str | None:
    """Return the phase in a line of the release; None for any other line."""
    found = _RELEASE.match(line)
    return found["phase"] if found else None
