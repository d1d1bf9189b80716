"""Reads the commands that a page of docs/ names, in the page's order."""

import re

from rehearsal.environment.sandbox import REPOSITORY

_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| [^|]+ \| `(?P<command>[a-z-]+)(?P<options>[^`]*)` \|$", re.MULTILINE)


def commands(page: str) -> list[str]:
    """Return the lines of the page's fenced blocks that name no language, each a command."""
    text = (REPOSITORY / "docs" / page).read_text()
    blocks = [found["text"] for found in _BLOCK.finditer(text) if not found["kind"]]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def shell_blocks(page: str) -> list[str]:
    """Return the page's ```sh blocks, each typed as a whole: one may hold a here-document."""
    return [block.rstrip("\n") for block in _SHELL.findall((REPOSITORY / "docs" / page).read_text())]


def shell_lines(page: str, heading: str) -> list[str]:
    """Return the lines of the ```sh blocks below that heading of the page, each a command."""
    text = (REPOSITORY / "docs" / page).read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for block in _SHELL.findall(section) for line in block.splitlines()]


def operators_commands() -> list[str]:
    """Return the commands of operating.md's first table as they are typed, with their values in capitals."""
    text = (REPOSITORY / "docs/operating.md").read_text()
    rows = _ROW.finditer(text)
    return [f"python -m infra.release {row['command']} --stack STACK{row['options']}" for row in rows]
