"""Texts that a test compares with a file beside it, `golden/NAME.txt`: every word of many messages, in one place."""

from collections.abc import Callable, Iterable
from difflib import unified_diff
from pathlib import Path

import pytest

Golden = Callable[[str, str], None]
"""Compares what was found with golden/NAME.txt; the fixture `golden` of tests/conftest.py."""


def compare(file: Path, found: str, *, update: bool) -> None:
    """Fails with the lines that differ, unless they are to be written down."""
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text(found)
        return
    kept = file.read_text() if file.exists() else ""
    differs = "\n".join(unified_diff(kept.splitlines(), found.splitlines(), file.name, "found", n=1, lineterm=""))
    if differs:
        pytest.fail(f"{differs}\nIf that is right, run this test again with --update-golden.", pytrace=False)


def listed(messages: Iterable[tuple[str, Iterable[str]]]) -> str:
    """What was said of each case: its name, and a line for each message."""
    return "".join(f"{name}\n" + "".join(f"    {line}\n" for line in lines) for name, lines in messages)
