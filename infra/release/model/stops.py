"""The deployments that we stopped or reverted, packed into a few tags; `infra.release.model.tags` lists them. Pure.

    d-3EXAMPLE=o by=user/ann at=2026-11-24T09:00:00.123Z d-2EXAMPLE=e by=ci d-1EXAMPLE=v gone=20261101

Newest first: the kind of each by its first letter, who and when as far as they fit. At least the newest twelve are
there; `gone` is the day on which an older one was last dropped, so that one which is missing may have been there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

LONGEST_VALUE = 256
LEAST = 12
"""Entries that always fit: 14 characters each, beside who stopped the newest and when, and `gone`."""
KINDS = {"operator": "o", "evidence": "e", "set": "s", "fault": "f", "verdict": "v", "hook": "h", "alarm": "a"}
_LETTERS = {letter: kind for kind, letter in KINDS.items()}
_GONE = re.compile(r"gone=(\d{8})")
_AT = re.compile(r"at=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")
_STOP = re.compile(r"(\S+)=([a-z_]+)")
_SHORTENED = "..."


@dataclass(frozen=True)
class Entry:
    """A stopped deployment. `by` and `at` are empty where they did not fit."""

    deployment: str
    kind: str
    by: str = ""
    at: str = ""

    @property
    def short(self) -> str:
        return f"{self.deployment}={KINDS.get(self.kind, self.kind)}"


@dataclass(frozen=True)
class Said:
    """The words for one."""

    deployment: str
    kind: str
    why: str


def packed(entries: Sequence[Entry], lost: date | None) -> str:
    """`entries`, newest first, in one value. `lost`: when older ones were last dropped; today, where some are now."""
    for most in range(len(entries), 0, -1):
        day = lost if most == len(entries) else _day(entries)
        gone = [f"gone={day:%Y%m%d}"] if day else []
        if (room := LONGEST_VALUE - len(" ".join([*(each.short for each in entries[:most]), *gone]))) < 0:
            continue
        # Of more than are kept in any case, one is worth less than who stopped the newest.
        if most > LEAST and room < len(_details(entries[0])):
            continue
        return " ".join([*_detailed(entries[:most], room), *gone])
    return ""


def _detailed(entries: Sequence[Entry], room: int) -> Iterator[str]:
    """Yield the entries with who and when of the newest, then who of the others, within `room` characters."""
    for index, each in enumerate(entries):
        details = _details(each)
        if index and len(details) > room:
            details = f" by={each.by}" if each.by else ""
        if len(details) > room:
            room, details = 0, ""  # those who are older get none either
        room -= len(details)
        yield each.short + details


def _details(each: Entry) -> str:
    return (f" by={each.by}" if each.by else "") + (f" at={each.at}" if each.at else "")


def _day(entries: Sequence[Entry]) -> date:
    """Return the newest entry's day: older ones are dropped for it. Without a date any may have been: date.max."""
    newest = max((each.at for each in entries), default="")
    return datetime.fromisoformat(newest).astimezone(UTC).date() if newest else date.max


def unpacked(value: str) -> tuple[list[Entry], date | None]:
    """Return a value's entries, newest first, and when older ones were last dropped. It skips what it cannot parse."""
    found: list[Entry] = []
    lost = None
    for word in value.split():
        if (gone := _GONE.fullmatch(word)) is not None:
            lost = _date(gone[1])
        elif word.startswith("by=") and found:
            found[-1] = Entry(found[-1].deployment, found[-1].kind, word.removeprefix("by="), found[-1].at)
        elif (at := _AT.fullmatch(word)) is not None and found:
            found[-1] = Entry(found[-1].deployment, found[-1].kind, found[-1].by, at[1])
        elif (stop := _STOP.fullmatch(word)) is not None:
            found.append(Entry(stop[1], _LETTERS.get(stop[2], stop[2])))
    return found, lost


def _date(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def said(deployment: str, kind: str, why: str) -> str:
    """Return the text for a stopped deployment, shortened if it is too long."""
    return shortened(f"{Entry(deployment, kind).short} {why}".rstrip())


def shortened(value: str) -> str:
    """`value`, cut to the length that a tag takes."""
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - len(_SHORTENED)].rstrip() + _SHORTENED


def unsaid(value: str) -> Said | None:
    """Parse the stop from such a text; None if it has none."""
    head, _, why = value.partition(" ")
    found = _STOP.fullmatch(head)
    return Said(found[1], _LETTERS.get(found[2], found[2]), why) if found else None
