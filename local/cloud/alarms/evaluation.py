"""Decides an alarm's state from the datapoints of its evaluation range. Pure: standard library only.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, whose tables it reproduces
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

EXTRA_PERIODS = 2
"""Extra periods of the evaluation range before the needed ones: 5 for 3 in the documentation's tables."""


class State(StrEnum):
    """The states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """TreatMissingData: how a missing datapoint counts."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


class Datapoint(NamedTuple):
    """One period of the evaluation range; value None = missing."""

    at: float
    value: float | None


@dataclass(frozen=True)
class Rule:
    """An alarm's rule of evaluation."""

    comparison: str
    threshold: float
    periods: int
    """N: datapoints evaluated."""
    to_alarm: int
    """M: breaching datapoints that make an alarm."""
    missing: Missing = Missing.MISSING
    says_out_of: bool = False
    """True if the reason says `1 out of the last 3`, as for an alarm whose M was given."""

    def breaches(self, value: float) -> bool:
        """Return True if a value is on the wrong side of the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Decision:
    """The state by the datapoints and CloudWatch's reason for it; state None = it stays as it is."""

    state: State | None
    reason: str = ""
    evaluated: tuple[Datapoint, ...] = ()


def decide(rule: Rule, points: Sequence[Datapoint]) -> Decision:
    """Return the decision on the evaluation range `points`, oldest first.

    The newest N points that exist are evaluated; only where fewer than N exist does TreatMissingData fill in.
    """
    existing = tuple((age, point) for age, point in enumerate(reversed(points)) if point.value is not None)
    evaluated = tuple(point for _, point in existing[: rule.periods])
    filled = rule.periods - len(evaluated)
    breaching = [point for point in evaluated if point.value is not None and rule.breaches(point.value)]
    if filled:
        state = _with_gaps(rule, existing, len(breaching), filled)
    else:
        state = State.ALARM if len(breaching) >= rule.to_alarm else State.OK
    return Decision(state, _reason(rule, state, evaluated, breaching, filled), evaluated)


def _with_gaps(rule: Rule, existing: Sequence[tuple[int, Datapoint]], breaching: int, filled: int) -> State | None:
    if rule.missing is Missing.BREACHING:
        return State.ALARM if breaching + filled >= rule.to_alarm else State.OK
    if rule.missing is Missing.NOT_BREACHING:
        return State.ALARM if breaching >= rule.to_alarm else State.OK
    if breaching >= rule.to_alarm:
        return State.ALARM
    if breaching < len(existing):
        return State.OK
    if rule.missing is Missing.IGNORE:
        return None
    # All existing points breach, but they are too few: an alarm only if the oldest has had M periods to be refuted.
    oldest_age = existing[-1][0] if existing else -1
    return State.ALARM if existing and oldest_age + 1 >= rule.to_alarm else State.INSUFFICIENT_DATA


def _reason(
    rule: Rule, state: State | None, evaluated: Sequence[Datapoint], breaching: Sequence[Datapoint], filled: int
) -> str:
    if state is None:
        return ""
    if state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {filled} datapoint{_s(filled)} {_was(filled)} unknown."
    gaps = ""
    if filled and rule.missing in {Missing.BREACHING, Missing.NOT_BREACHING}:
        treated = "Breaching" if rule.missing is Missing.BREACHING else "NonBreaching"
        gaps = f"{filled} missing datapoint{_s(filled)} {_was(filled)} treated as [{treated}]"
    if not evaluated:
        return f"Threshold Crossed: no datapoints were received for {filled} period{_s(filled)} and {gaps}."
    alarm = state is State.ALARM
    named = breaching if alarm else [point for point in evaluated if point not in breaching]
    listed = ", ".join(f"{point.value!r} ({_when(point.at)})" for point in named)
    count = len(named)
    counted = f"{count} datapoint{_s(count)}"
    if rule.says_out_of:
        counted = f"{count} out of the last {rule.periods} datapoints"
    words = COMPARISONS[rule.comparison][1]
    verb = _was(count) if alarm else f"{_was(count)} not"
    text = f"Threshold Crossed: {counted} [{listed}] {verb} {words} the threshold ({rule.threshold!r})"
    if gaps:
        text += f" and {gaps}"
    if rule.says_out_of:
        needed = rule.to_alarm if alarm else rule.periods - rule.to_alarm + 1
        change = "OK -> ALARM" if alarm else "ALARM -> OK"
        return f"{text} (minimum {needed} datapoint{_s(needed)} for {change} transition)."
    return f"{text}."


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
