"""A terminal's text as an SVG that stands alone: its own background, the reader's own monospaced font, no script."""

import re
from collections.abc import Iterable, Iterator
from io import StringIO

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

START = re.compile(r" *(?:[\d.]+s +)?")
"""Where a line's words begin: after its indentation, and after the seconds with which a line of the release begins."""
LINE_END = re.compile(r"<text [^>]*>\s*</text>")  # rich draws each as text of its own
PAGE = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def picture(lines: Iterable[str], *, title: str, name: str, width: int) -> str:
    """The SVG of a terminal of `width` columns. `lines` may hold ANSI's colours; one that is longer goes on below where
    its words begin. `name`: what the picture's classes begin with."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True)
    for line in lines:
        text = Text.from_ansi(line)
        text.rstrip()
        for part in _wrapped(text, console):
            console.print(part, soft_wrap=True)
    console.print()  # rich clips each line but the last one to its place
    drawn = console.export_svg(title=title, theme=MONOKAI, unique_id=name, code_format=PAGE)
    svg = LINE_END.sub("", drawn)
    return "".join(f"{line.strip()}\n" for line in svg.splitlines() if line.strip())


def _wrapped(line: Text, console: Console) -> Iterator[Text]:
    start = START.match(line.plain)
    hang = start.end() if start else 0
    if len(line) <= console.width or hang * 2 > console.width:
        yield line
        return
    before = line[:hang]
    for part in line[hang:].wrap(console, console.width - hang):
        part.rstrip()
        yield Text.assemble(before, part)
        before = Text(" " * hang)
