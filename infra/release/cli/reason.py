"""The reason that an operator gives for an act: it is kept in a tag, as it is."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.console import UsageError
from infra.release.model import tags

Reason = Annotated[
    str, typer.Option(help=f"Why, in at most {tags.LONGEST_REASON} characters. A tag keeps it where everybody sees it.")
]


def checked(reason: str) -> str:
    """`reason` with single spaces. Raises UsageError where a tag cannot hold it."""
    text = " ".join(reason.split())
    if not text:
        raise UsageError(f"--reason is {reason!r}: say in a few words why; a tag keeps it for those who come after")
    if len(text) > tags.LONGEST_REASON:
        raise UsageError(
            f"--reason has {len(text)} characters: the tag that keeps it holds {tags.LONGEST_REASON}; say it shorter"
        )
    if wrong := "".join(dict.fromkeys(each for each in text if each != " " and not tags.fits(each))):
        raise UsageError(
            f"--reason holds {wrong!r}, which a tag of AWS does not take: "
            "use letters, digits, spaces and + - = . _ : / @"
        )
    return text
