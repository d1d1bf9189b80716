"""Check the reason that an operator gives for a command. A tag keeps it unchanged."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.console import UsageError
from infra.release.model import tags

Reason = Annotated[
    str,
    typer.Option(
        help=f"Why, in at most {tags.LONGEST_REASON} characters. A tag keeps it, and every operator can read it."
    ),
]


def checked(reason: str) -> str:
    """Return `reason` with single spaces. Raises UsageError if a tag cannot hold it."""
    text = " ".join(reason.split())
    if not text:
        raise UsageError(f"--reason is {reason!r}: say in a few words why; a tag keeps it for other operators")
    if len(text) > tags.LONGEST_REASON:
        raise UsageError(
            f"--reason has {len(text)} characters: the tag that keeps it holds {tags.LONGEST_REASON}; shorten it"
        )
    if wrong := "".join(dict.fromkeys(each for each in text if each != " " and not tags.fits(each))):
        raise UsageError(
            f"--reason holds {wrong!r}, which AWS does not allow in a tag: "
            "use letters, digits, spaces and + - = . _ : / @"
        )
    return text
