"""What happened to a function's traffic, minute by minute: whose requests and errors they were, and the marks. Pure.

Minutes are counted from the beginning of the window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from infra.release.reports.page.model import Kind, Mark, Series

HALF = 0.5  # a count of a minute is taken as one of the minute's middle
ALARMED = "ALARM_ACTIVE"
"""CodeDeploy's code of a deployment that an alarm stopped.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ErrorInformation.html
"""


@dataclass(frozen=True)
class Moves:
    """When a deployment moved traffic, in minutes of the window; None for what did not happen, or has not yet.

    shifting: traffic began to move to the canary. shifted: all of it was there. ended: the deployment was over.
    failed: it ended without success. error: CodeDeploy's code of the failure. back: its traffic was back on stable.
    """

    stable: str
    canary: str
    created: float
    shifting: float | None = None
    shifted: float | None = None
    ended: float | None = None
    failed: bool = False
    error: str = ""
    back: float | None = None

    def scaled(self, size: int) -> Moves:
        """Return the same in points of `size` minutes."""
        names = ("created", "shifting", "shifted", "ended", "back")
        found = {name: at / size for name in names if (at := getattr(self, name)) is not None}
        return replace(self, **found)

    def whole_on(self, minute: float) -> str:
        """Return the version with the alias's main traffic at that time."""
        moved = self.shifted is not None and minute >= self.shifted
        return self.canary if moved and (self.back is None or minute < self.back) else self.stable

    def marks(self) -> tuple[Mark, ...]:
        """Return what is marked in a chart, oldest first."""
        found = [Mark(self.created, Kind.START, f"the deployment from {self.stable} to {self.canary} was created")]
        if self.shifting is not None:
            found.append(Mark(self.shifting, Kind.SHIFT, f"version {self.canary} began to get traffic"))
        if self.shifted is not None:
            found.append(Mark(self.shifted, Kind.WHOLE, f"all traffic was on version {self.canary}"))
        if self.failed and self.ended is not None:
            why = "an alarm stopped it" if self.error == ALARMED else f"it was stopped or failed ({self.error})"
            found.append(Mark(self.ended, Kind.ALARM if self.error == ALARMED else Kind.STOP, why))
        if self.back is not None:
            found.append(Mark(self.back, Kind.ROLLBACK, f"all traffic was on version {self.stable} again"))
        return tuple(sorted(found, key=lambda each: each.minute))


@dataclass(frozen=True)
class Counted:
    """The sums of some minutes: by minute, of requests and of errors. A minute that is missing has none."""

    requests: Mapping[int, float] = field(default_factory=dict)
    errors: Mapping[int, float] = field(default_factory=dict)


def series(
    alias: Counted, versions: Mapping[str, Counted], moves: Moves | None, length: int, *, only: str = ""
) -> tuple[Series, ...]:
    """Return what each version did in `length` minutes. Together they are all that the alias counted.

    Lambda counts by executed version while an alias has weights, and AWS does not say whether it also does otherwise.
    What no version has is therefore of the one that had the alias's main traffic then: by `moves`, or `only` without.
    """
    names = dict.fromkeys([*([moves.stable, moves.canary] if moves else [only]), *versions])
    requests = {name: [0] * length for name in names}
    errors = {name: [0] * length for name in names}
    for minute in range(length):
        owner = moves.whole_on(minute + HALF) if moves else only
        for found, total, by_version in (
            (requests, alias.requests, {name: each.requests for name, each in versions.items()}),
            (errors, alias.errors, {name: each.errors for name, each in versions.items()}),
        ):
            rest = round(total.get(minute, 0.0))
            for name, counts in by_version.items():
                found[name][minute] += (count := round(counts.get(minute, 0.0)))
                rest -= count
            found[owner][minute] += max(rest, 0)
    made = [Series(name, tuple(requests[name]), tuple(errors[name])) for name in names]
    return tuple(each for each in made if any(each.requests) or any(each.errors))


def totals(counted: Sequence[Series]) -> tuple[int, int]:
    """Return the requests and the errors of all versions together."""
    return sum(sum(each.requests) for each in counted), sum(sum(each.errors) for each in counted)
