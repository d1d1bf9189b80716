"""Draws the picture of a session from its text: the lines that were typed, each after "$ ", and what each answered.

Of `pulumi up` only the release's lines are drawn, of a canary the first and the last; the picture's title says so.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from rehearsal.picture import picture

NAMES = {"python": "new-service", "node": "new-service-node"}
"""The recorded sessions, by the runtime of the service."""
TITLE = "a new service, from a fresh clone (shortened)"
WIDTH = 112
TYPED = "$ "
_RELEASE = re.compile(r"(?P<line>strata-prod-(?P<service>[a-z]+): (?P<phase>start|canary|end): .*)")
_UP = re.compile(r"\$ pulumi up ")


def text_of(runtime: str) -> str:
    """Return the path of a session's text in the repository."""
    return f"tests/recorded/{NAMES[runtime]}.txt"


def picture_of(runtime: str) -> str:
    """Return the path of a session's picture in the repository."""
    return f"docs/captures/{NAMES[runtime]}.svg"


def transcript(typed: Sequence[str], answers: Sequence[str]) -> str:
    """Return the text of a session, in which the lines `typed` answered so."""
    parts = (f"{TYPED}{line}\n{answer.rstrip()}\n" for line, answer in zip(typed, answers, strict=True))
    return "".join(part.replace("\n\n", "\n") for part in parts)


def typed(text: str) -> list[str]:
    """Return the lines that were typed in a session."""
    return [line.removeprefix(TYPED) for line in text.splitlines() if line.startswith(TYPED)]


def session_svg(runtime: str, text: str) -> str:
    """Return the SVG of a session's text."""
    return picture(list(shortened(text)), title=TITLE, name=NAMES[runtime], width=WIDTH)


def shortened(text: str) -> Iterator[str]:
    """Yield the lines of the picture."""
    command = ""
    for is_typed, group in groupby(text.splitlines(), key=lambda line: line.startswith(TYPED)):
        lines = list(group)
        if is_typed:
            command = lines[-1]
            yield from lines
        else:
            yield from _released(lines) if _UP.match(command) else lines


def _released(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the release in the output of `pulumi up`, which says them once more at its end."""
    found = {match["line"].strip(): match["phase"] for line in lines if (match := _RELEASE.search(line))}
    canaries = [line for line, phase in found.items() if phase == "canary"]
    yield from (f"  {line}" for line in found if line not in canaries[1:-1])
