"""Quote any program's output safely in GitHub's Markdown, and cut it to a size. https://github.github.com/gfm/"""

from __future__ import annotations

import re
from collections.abc import Sequence

FENCE = re.compile(r"^(`{3,})\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")  # colours, titles of a terminal
_UNSEEN = re.compile(r"[^\S\n ]|[\x00-\x08\x0e-\x1f\x7f]")
LEAST = 200  # characters; less room than this holds no useful page
HEAD = 4  # a quarter of a cut text is its beginning, the rest its end, where errors and totals are


def fenced(text: str) -> str:
    """Return `text` as code, in a fence longer than any run of backticks in it, so that no run closes the fence."""
    plain = plainly(text)
    longest = max((len(each) for each in re.findall("`+", plain)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{plain.strip(chr(10))}\n{fence}"


def plainly(text: str) -> str:
    """Return `text` as a terminal would show it, without colours, and with one kind of line break."""
    lines = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub(lambda found: "    " if found[0] == "\t" else " ", lines)


def inline(text: str) -> str:
    """Return `text` for a line of prose, escaped so that it opens no HTML, table or code."""
    escaped = re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(plainly(text).split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, room: int) -> str:
    """Return `text` in at most `room` characters: a part of its beginning and more of its end, in whole lines."""
    if len(text) <= room:
        return text
    said = "\n...\nThe rest is left out: it is in the job's log.\n...\n"
    keep = room - len(said)
    if keep <= 0:
        return text[len(text) - room :] if room > 0 else ""
    head, tail = text[: keep // HEAD], text[len(text) - (keep - keep // HEAD) :]
    head = head[: head.rfind("\n")] if "\n" in head else head
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail[:-1] else tail
    return head + said + tail


def fitted(page: str, room: int) -> str:
    """Return a page in at most `room` characters, by cutting the code in its fences.

    The text around the fences stays, so that no fence or fold is broken; where not even that fits, the result is empty.
    """
    if len(page) <= room:
        return page
    codes = [found[2] for found in FENCE.finditer(page)]
    if not codes:  # no page of ours: it is shown as code, whatever it is
        runs = max((len(each) for each in re.findall("`+", page)), default=2)
        return fenced(cut(page, room - 2 * (runs + 2))) if room > LEAST else ""
    left = shares([len(code) for code in codes], room - (len(page) - sum(map(len, codes))))
    rooms = iter(left)
    shorter = FENCE.sub(lambda found: f"{found[1]}\n{cut(found[2], next(rooms))}\n{found[1]}", page)
    return shorter if len(shorter) <= room else ""


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """Return the share of `room` for each: all that it wants if that is little, else as much as other large ones."""
    given = [0] * len(wanted)
    left = max(0, room)
    for rank, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        given[index] = min(wanted[index], left // (len(wanted) - rank))
        left -= given[index]
    return given
