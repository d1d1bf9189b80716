"""Draw the screen of `watch` from what the viewer shows too, and take its keys. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from infra.console import UsageError
from infra.release.cli.reason import checked
from infra.release.cli.status_tree import BAR, NARROW, bar, percent
from infra.release.reports.page.model import Series
from infra.release.reports.snapshot import UNREAD, FunctionShown, Snapshot, Statistic

WIDE = 120  # columns
LEVELS = "▁▂▃▄▅▆▇█"
SHARED = {"canary", "top up"}
"""Phases in which minutes pass: all that they say is drawn."""
FOOT, FEWEST_EVENTS = 2, 3  # lines
ENTER, ESCAPE, ERASE, CLEAR = "\r\n", "\x1b", "\x7f\b", "\x15"


@dataclass(frozen=True)
class Keys:
    """What the keys have asked for. typed: the reason of an abort so far, None where none is being asked for. problem:
    what is wrong with it. reason: of the abort that is wanted. left: the watching is to end."""

    typed: str | None = None
    problem: str = ""
    reason: str = ""
    left: bool = False

    def press(self, pressed: str) -> Keys:
        """Return the same after some keys. Outside of a reason only a key alone counts: a text that is pasted, or the
        code of an arrow, must not abort a release."""
        if self.typed is None:
            if pressed in {"q", "Q"}:
                return replace(self, left=True)
            return Keys(typed="") if pressed in {"a", "A"} else self
        if len(pressed) > 1 and pressed.startswith(ESCAPE):
            return self
        found = self
        for key in pressed:
            found = found._typed(key)
        return found

    def _typed(self, key: str) -> Keys:
        if self.typed is None or key == ESCAPE:
            return replace(self, typed=None, problem="")
        if key in ENTER:
            try:
                return Keys(reason=checked(self.typed))
            except UsageError as problem:
                return replace(self, problem=str(problem).removeprefix("--"))
        if key in ERASE or key == CLEAR:
            return Keys(typed=self.typed[:-1] if key in ERASE else "")
        return Keys(typed=self.typed + key) if key.isprintable() else self


@dataclass(frozen=True)
class Event:
    """A line on what happened, and when."""

    at: datetime
    text: str
    bad: bool = False


def screen(seen: Snapshot, events: Sequence[Event], keys: Keys, doing: str, *, width: int, height: int) -> Layout:
    """Draw the whole screen. doing: a word on what is done beside watching, such as that it ends."""
    flying = [each for each in seen.functions if each.deployment]
    whole = [each for each in seen.functions if not each.deployment]
    count = f": {len(flying)} of {len(seen.functions)} functions in flight" if seen.functions else ""
    head = Text(f"{seen.stack}{count}", style="bold")
    parts: list[RenderableType] = [head]
    rows = 1
    for each in flying:
        drawn = list(_function(each, width))
        rows += sum(part.row_count + 1 if isinstance(part, Table) else 1 for part in drawn)
        parts += drawn
    parts += [_line(each.name, f"v{each.alias}, nothing in flight") for each in whole]
    rows += len(whole)
    foot = FOOT + bool(keys.problem)
    layout = Layout()
    layout.split_column(
        Layout(Group(*parts), size=max(min(rows, height - foot - FEWEST_EVENTS), 1)),
        Layout(_events(events)),
        Layout(_foot(seen, keys, doing, width), size=foot),
    )
    return layout


def sparkline(rates: Sequence[float | None], top: float) -> str:
    """Draw rates of 0 to `top`, a character each; a blank where there is none. Only a rate of 0 has the lowest."""
    highest = len(LEVELS) - 1
    return "".join(
        " " if rate is None else LEVELS[min(max(round(rate / top * highest), 1), highest) if rate and top else 0]
        for rate in rates
    )


def _function(shown: FunctionShown, width: int) -> Iterator[Text | Table]:
    phase = shown.phase
    if phase in SHARED:
        phase += f", {shown.minutes - shown.passed} of {shown.minutes} min left"
    yield _line(shown.name, f"{phase} ({shown.deployment})", "bold")
    yield _versions(shown, width)
    if shown.statistic and any(each.requests for each in shown.shares[1:]):
        yield _statistic(shown.statistic, width)
    if shown.phase not in SHARED:
        yield _line("", shown.text)
    for alarm in shown.alarms:
        if alarm.state == "ALARM":
            yield _line("ALARM", f"{alarm.name}: {alarm.reason}", "bold red")


def _versions(shown: FunctionShown, width: int) -> Table:
    """Draw each version's share, errors and error rate, and the rate of each minute."""
    length = 10 if width < NARROW else 40 if width >= WIDE else 20
    by_version = {each.version: _rates(each)[-length:] for each in shown.chart.series}
    top = max((rate for rates in by_version.values() for rate in rates if rate), default=0.0)
    drawn = Table.grid(padding=(0, 2, 0, 0))
    for name, justify in (("", "left"), ("", "right"), ("", "left"), ("errors", "right"), ("rate", "right")):
        drawn.add_column(name, justify=justify, no_wrap=True, header_style="dim")  # type: ignore[arg-type]
    drawn.add_column(f"by minute{f', to {top:.0%}' if top else ''}", no_wrap=True, header_style="dim")
    drawn.show_header = True
    for each in shown.shares:
        errors = f"{each.errors}/{each.requests}" if each.requests is not None else ""
        rate = f"{(each.errors or 0) / each.requests:.2%}" if each.requests else "-"
        share = Text(bar(each.share, 10 if width < WIDE else 20), style="cyan")
        spark = sparkline(by_version.get(each.version, ()), top)
        drawn.add_row(f"v{each.version}", percent(each.share), share, errors, rate, Text(spark, style="yellow"))
    return drawn


def _rates(series: Series) -> list[float | None]:
    """Return the errors of each request, minute by minute. An error may be counted before its request."""
    return [
        min(errors / requests, 1.0) if requests else None
        for requests, errors in zip(series.requests, series.errors, strict=True)
    ]


def _statistic(found: Statistic, width: int) -> Text:
    length = 10 if width < WIDE else 20
    full = min(max(round(found.z / found.limit * length), 0), length)
    style = "bold red" if found.fired else "green"
    drawn = BAR[0] * full + BAR[1] * (length - full)
    return _line("", f"z {found.z:.2f} of {found.limit:g}  {drawn}  {found.text}", style)


def _line(name: str, text: str, style: str = "") -> Text:
    return Text(f"{name}  {text}" if name else text, style=style, no_wrap=True, overflow="ellipsis")


def _events(events: Sequence[Event]) -> Group:
    """List the events, the newest first: what does not fit below is the oldest."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True, style="dim")
    drawn.add_column(overflow="fold")
    for each in reversed(events):
        drawn.add_row(f"{each.at.astimezone(UTC):%H:%M:%S}", Text(each.text, style="bold red" if each.bad else ""))
    return Group(Text("Last events, UTC", style="dim"), drawn)


def _foot(seen: Snapshot, keys: Keys, doing: str, width: int) -> Group:
    if keys.typed is not None:
        asked = "Abort, why?"
        typed = _line(asked, f"{keys.typed[-max(width - len(asked) - 3, 1) :]}_", "bold")
        if keys.problem:
            return Group(typed, Text(keys.problem, style="bold red", overflow="fold"))
        return Group(typed, _line("", "Enter aborts what is in flight, Escape does not."))
    read = f"Read at {datetime.fromtimestamp(seen.at, UTC):%H:%M:%S}." if seen.at else "Reading AWS."
    problem = _line("", "" if seen.problem == UNREAD else seen.problem, "bold red")
    return Group(problem, _line("q leaves, a aborts.", f"{doing}{read}", "dim"))
