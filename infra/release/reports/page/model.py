"""What a page about releases shows. Frozen data: counts by minute, what happened when, and the sections in order.

Minutes are counted from the beginning of a chart. Counts are Lambda's Invocations and Errors, or what callers saw.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

MOST_BARS = 90
"""Bars that a chart has at most; a longer time gets fewer and wider ones."""


class Kind(StrEnum):
    """What a mark in a chart is about. The value is its word in the legend."""

    START = "start"  # CodeDeploy created the deployment
    SHIFT = "shift"  # traffic began to move
    ALARM = "alarm"  # CodeDeploy stopped the deployment for an alarm
    STOP = "stop"  # it ended otherwise without success: a hook, an operator, missing evidence
    ROLLBACK = "rollback"  # traffic went back
    WHOLE = "whole"  # all traffic was on the new version


@dataclass(frozen=True)
class Mark:
    """Something that happened. minute: since the beginning of the chart. text: a few words on it."""

    minute: float
    kind: Kind
    text: str


@dataclass(frozen=True)
class Series:
    """What one version did, minute by minute: as many requests as errors, one of each for a minute."""

    version: str
    requests: tuple[int, ...]
    errors: tuple[int, ...]

    def merged(self, size: int) -> Series:
        """Return the series with `size` minutes in each place."""
        return replace(self, requests=_sums(self.requests, size), errors=_sums(self.errors, size))


@dataclass(frozen=True)
class Chart:
    """The requests and errors of one function's versions over a time. start: when it begins, for a reader. step:
    minutes of one bar."""

    title: str
    start: str
    series: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()
    step: int = 1

    @property
    def bars(self) -> int:
        """The number of bars: those of the longest series."""
        return max((len(each.requests) for each in self.series), default=0)

    @property
    def requests(self) -> int:
        return sum(sum(each.requests) for each in self.series)

    @property
    def errors(self) -> int:
        return sum(sum(each.errors) for each in self.series)

    def fitted(self, most: int = MOST_BARS) -> Chart:
        """Return the chart with at most that many bars. No request is lost."""
        size = -(-self.bars // most)
        if size <= 1:
            return self
        return replace(self, series=tuple(each.merged(size) for each in self.series), step=self.step * size)


@dataclass(frozen=True)
class Section:
    """One release, or one step of a rehearsal.

    outcome: as AWS and Strata name it; empty where it is not known. good: whether it ended as it should; None where
    nothing was expected. facts: rows of a name and a value. detail: sentences.
    """

    name: str
    title: str
    outcome: str = ""
    reason: str = ""
    good: bool | None = None
    facts: tuple[tuple[str, str], ...] = ()
    detail: str = ""
    requests: int = 0
    harmed: int = 0
    charts: tuple[Chart, ...] = ()

    @property
    def ending(self) -> str:
        """The outcome in words, with its reason where it went badly."""
        words = self.outcome.replace("_", " ")
        return f"{words} ({self.reason})" if self.reason and self.outcome in {"rolled_back", "refused"} else words


@dataclass(frozen=True)
class Page:
    """A whole page. unfinished: why it ends before the story does; empty for a whole one. problems: one line each."""

    title: str
    lead: str
    made: str
    sections: tuple[Section, ...]
    figures: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()
    unfinished: str = ""

    def charts(self) -> Iterator[Chart]:
        """Yield every chart, in order."""
        for section in self.sections:
            yield from section.charts


def _sums(values: tuple[int, ...], size: int) -> tuple[int, ...]:
    return tuple(sum(values[start : start + size]) for start in range(0, len(values), size))
