"""The commands that a page of docs/ names, in the page's order. Pure but for reading the page."""

import re

from rehearsal.environment.sandbox import REPOSITORY

_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| [^|]+ \| `(?P<command>[a-z-]+)(?P<options>[^`]*)` \|$", re.MULTILINE)


def commands(page: str) -> list[str]:
    """The lines of the page's fenced blocks, each a command."""
    text = (REPOSITORY / "docs" / page).read_text()
    return [line for block in _BLOCK.findall(text) for line in block.splitlines() if line.strip()]


def shell_blocks(page: str) -> list[str]:
    """The page's ```sh blocks, each typed as a whole: one may hold a here-document."""
    return [block.rstrip("\n") for block in _SHELL.findall((REPOSITORY / "docs" / page).read_text())]


def operators_commands() -> list[str]:
    """The first table of operating.md, each command as it would be typed, with its options' words in capitals."""
    text = (REPOSITORY / "docs/operating.md").read_text()
    rows = _ROW.finditer(text)
    return [f"python -m infra.release {row['command']} --stack STACK{row['options']}" for row in rows]
