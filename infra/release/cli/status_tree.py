"""Draw `status` on a terminal: a small tree for each function, from its report and its traffic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from infra.release.decision.context import ReleaseContext
from infra.release.model.outcome import Ending
from infra.release.verdict.judge import Counts, Verdict, judge

NARROW = 80  # columns; below it the bars have half of their length
NAMES = 8  # columns of a node's name: "rejected"
BAR = "█░"
URGENT = {"stuck", "refused"}
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Traffic:
    """The versions' shares of the traffic, and how the canary compares so far.

    shares: 0 - 1 by version, stable first. passed: of the canary's `minutes`. limit: of the verdict's z. verdict: None
    where no deployment of Strata's is in flight. progress: the report's line for a running canary.
    """

    shares: Mapping[str, float]
    minutes: int
    passed: int
    limit: float
    verdict: Verdict | None
    progress: str


def traffic(context: ReleaseContext) -> Traffic:
    """Return the traffic that the tree shows beside the report."""
    seen, alias = context.seen, context.seen.alias
    ours = seen.followed is not None and seen.followed.entry is not None
    shares = dict.fromkeys(seen.compared, 0.0) if ours else {}
    shares[alias.version] = 1 - alias.weight
    if alias.shifted is not None:
        shares[alias.shifted] = alias.weight
    return Traffic(
        shares=shares,
        minutes=context.target.minutes,
        passed=context.passed,
        limit=context.policy.rule.z,
        verdict=judge(seen.stable, seen.canary, context.policy.rule) if ours else None,
        progress=context.progress,
    )


def tree(function: str, document: Document, now: Traffic, notes: Iterable[tuple[str, str]], *, width: int) -> Tree:
    """Draw one function.

    document: its report, as `--json` prints it. notes: more lines, each with its name. width: columns of the terminal.
    """
    drawn = Tree(Text(function, style="bold"))
    for name, text in [*_nodes(document, now, 10 if width < NARROW else 20), *map(_note, notes)]:
        node = Table.grid(padding=(0, 2, 0, 0))
        node.add_column(min_width=NAMES, no_wrap=True)
        node.add_column(overflow="fold")
        node.add_row(name, text)
        drawn.add(node)
    return drawn


def _nodes(document: Document, now: Traffic, length: int) -> Iterator[tuple[str, Text]]:
    """Yield each node's name and text. `length`: of a bar, in columns."""
    for version, line in _versions(now, length).items():
        yield f"v{version}", Text("\n").join([line, *_origin(version, document)])
    if verdict := now.verdict:
        judged = verdict.canary.invocations > 0
        style = "bold red" if verdict.fired else "green" if judged else ""
        rules = verdict.rules if judged else "the canary has had no requests"
        yield "verdict", Text(f"z {verdict.z:.2f} (limit {now.limit:g}): {rules}", style=style)
    if flying := document["in_flight"]:
        yield _flight(flying, now)
    else:
        yield "canary", Text("none in flight")
    if last := document["last"]:
        title = f"{last['outcome'].replace('_', ' ')} ({last['reason']})"
        text = Text.assemble((title, "green" if last["outcome"] == Ending.PROMOTED else "bold red"))
        yield "last", text.append(f" at {last['at']}, {last['deployment']}\n{last['detail']}\n{_who(last)}")


def _versions(now: Traffic, length: int) -> dict[str, Text]:
    """Return a line for each version: its share in figures and as a bar, and its errors."""
    counted: list[Counts | None] = [None] * len(now.shares)
    if now.verdict:
        counted[:2] = [now.verdict.stable, now.verdict.canary]
    shares = [percent(share) for share in now.shares.values()]
    ratios = [f"{each.errors}/{each.invocations}" if each else "" for each in counted]
    lines = {}
    for (version, share), words, counts, ratio in zip(now.shares.items(), shares, counted, ratios, strict=True):
        lines[version] = Text.assemble(f"{words:>5}  ", (bar(share, length), "cyan"))
        if counts:
            rate = f"{counts.error_rate:.2%}" if counts.invocations else "-"
            lines[version].append(f"  {ratio:>{max(map(len, ratios))}} errors {rate:>7}")
    return lines


def percent(share: float) -> str:
    """Write a share so that only none of it is 0 %, and only all of it 100 %."""
    return f"{share:.{0 if share in (0, 1) or 0.01 <= share <= 0.99 else 1}%}"


def bar(share: float, length: int) -> str:
    """Draw a share as a bar that is full only at 1 and empty only at 0."""
    full = round(share * length)
    if 0 < share < 1:
        full = min(max(full, 1), length - 1)
    return BAR[0] * full + BAR[1] * (length - full)


def _origin(version: str, document: Document) -> Iterator[Text]:
    """Yield the commit of a version and the caller who released it, if the report names the version."""
    live, flying = document["live"], document["in_flight"]
    if flying and version == flying["to"]:
        yield Text(_who(flying))
    elif version == live["version"]:
        yield Text(_who(live, otherwise="no release on record"))


def _flight(flying: Document, now: Traffic) -> tuple[str, Text]:
    """Describe the deployment in flight: a canary by the minutes left, anything else by the report's text."""
    lines = [f"{flying['deployment']} ({flying['status']})"]
    if flying["phase"] in {"canary", "top_up"}:
        lines[0] = f"{now.minutes - now.passed} of {now.minutes} min left, {lines[0]}"
    if flying["text"] != now.progress:
        lines.append(flying["text"])
    return flying["phase"].replace("_", " "), Text("\n".join(lines))


def _who(document: Document, otherwise: str = "by others") -> str:
    """Name the commit, who released it and since when. `otherwise`: the words if the report has no name."""
    who = f"by {document['by']}" if document["by"] else otherwise
    since = f" since {document['since']}" if document.get("since") else ""
    return f"commit {document['commit'] or 'not recorded'}, {who}{since}"


def _note(note: tuple[str, str]) -> tuple[str, Text]:
    """Shorten a note's name to its first word; the rest begins the text."""
    name, *kind = re.split("[:,] ", note[0], maxsplit=1)
    parts = [(f"{each}: ", "bold red" if name in URGENT else "") for each in kind]
    return name, Text.assemble(*parts, note[1])
