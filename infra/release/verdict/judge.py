"""The verdict on a canary: one rule, on counts in Python and as CloudWatch metric math.

The algebra has no division, so no empty series and no zero divisor can matter, and it is written with operators
that hold for a number and for an array alike: `judge`, the simulation in `bench` and the alarm share it. How often it
errs, by traffic and baseline, is measured in docs/verdict.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.release.verdict.metric_math import MetricQuery, metric_queries, slow_metric_queries
from infra.release.verdict.rule import Bound, Rule, VerdictError

__all__ = [
    "ALARM_SETTINGS",
    "Bound",
    "Counts",
    "MetricQuery",
    "Rule",
    "Verdict",
    "VerdictError",
    "judge",
    "metric_queries",
    "slow_metric_queries",
]

# A float, or an array of floats: the rule reads the same for both.
Operand = Any

LARGEST_COUNT = 2**53
"""The largest count that a double, hence CloudWatch, holds exactly."""

ALARM_SETTINGS: Mapping[str, object] = {
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "EvaluationPeriods": 1,
    "DatapointsToAlarm": 1,
    "TreatMissingData": "notBreaching",
}
"""Parameters of PutMetricAlarm beside `Metrics` for an alarm on `metric_queries` or `slow_metric_queries`."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of one version within the window.

    invocations, errors: whole numbers, as Lambda's Invocations and Errors sum them (a float such as CloudWatch
    returns is taken if it is whole). slow: invocations over the rule's budget; a share times a count, so not always
    whole. Raises VerdictError for counts that cannot be.
    """

    invocations: int
    errors: int
    slow: float = 0

    def __post_init__(self) -> None:
        for name in ("invocations", "errors"):
            value = getattr(self, name)
            if type(value) is not int:
                object.__setattr__(self, name, _whole(name, value))
        if not 0 <= self.invocations <= LARGEST_COUNT:
            raise VerdictError(f"invocations is {self.invocations}: it must lie within 0 and 2^53")
        for name in ("errors", "slow"):
            if not 0 <= getattr(self, name) <= self.invocations:
                raise VerdictError(
                    f"{name} is {getattr(self, name)}: it must lie within 0 and the {self.invocations} invocations; "
                    "sum both over the same minutes and dimensions"
                )

    @property
    def error_rate(self) -> float:
        """Errors per invocation; 0 without invocations."""
        return self.errors / self.invocations if self.invocations else 0.0


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise VerdictError(f"{name} is {value!r}: a count must be a whole number, 0 or more")
    return int(value)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule's judgement of a canary. z: standard errors above stable after the correction, 0 where undefined."""

    stable: Counts
    canary: Counts
    relative: bool
    absolute: bool
    slow: bool
    z: float

    @property
    def fired(self) -> bool:
        """True if the canary must be rolled back."""
        return self.relative or self.absolute or self.slow

    @property
    def detail(self) -> str:
        """One sentence for a person: both error rates, and which part of the rule fired."""
        return f"canary {_rate(self.canary)}, stable {_rate(self.stable)}, z {self.z:.2f}: {self.rules}"

    @property
    def rules(self) -> str:
        """Which part of the rule fired, in words."""
        fired = [name for name in ("relative", "absolute", "slow") if getattr(self, name)]
        return f"{' and '.join(fired)} rule fired" if fired else "no rule fired"


def _rate(counts: Counts) -> str:
    return f"{counts.errors} errors in {counts.invocations} ({counts.error_rate:.2%})"


# The algebra. i1, e1: stable's invocations and errors; i2, e2: the canary's. `&` and not `and`: it holds for arrays.


def counted(e2: Operand, rule: Rule) -> Operand:
    """Return the canary's errors that count: those beyond the forgiven ones."""
    return (e2 > rule.forgiven) * (e2 - rule.forgiven) if rule.forgiven else e2


def enough(i2: Operand, e2: Operand, rule: Rule) -> Operand:
    """True if the canary has errors enough, and no more than invocations: more means that those are still to arrive."""
    return (e2 >= rule.minimum_errors) & (e2 <= i2)


def relative(i1: Operand, e1: Operand, i2: Operand, e2: Operand, rule: Rule) -> Operand:
    """Pooled two-proportion test, multiplied out: the canary's rate is over z standard errors above stable's."""
    d = (e2 - rule.correction) * i1 - e1 * i2
    errors = e1 + e2
    n = i1 + i2
    return (d > 0) & (n * d * d > rule.z * rule.z * errors * (n - errors) * i1 * i2) & enough(i2, e2, rule)


def absolute(i1: Operand, e1: Operand, i2: Operand, e2: Operand, rule: Rule) -> Operand:
    """True if the canary's rate is more than `rule.absolute` above stable's."""
    return (e2 * i1 - e1 * i2 > rule.absolute * i1 * i2) & enough(i2, e2, rule)


def fires(i1: Operand, e1: Operand, i2: Operand, e2: Operand, rule: Rule) -> Operand:
    """True where the verdict alarm is red, for floats or arrays of them (slowness has an alarm of its own)."""
    e2 = counted(e2, rule)
    return relative(i1, e1, i2, e2, rule) | absolute(i1, e1, i2, e2, rule)


def judge(stable: Counts, canary: Counts, rule: Rule) -> Verdict:
    """Judge the canary version by the stable one, both counted over the same window."""
    i1, e1 = float(stable.invocations), float(stable.errors)
    i2, e2 = float(canary.invocations), float(counted(canary.errors, rule))
    slow = rule.slow_milliseconds is not None and bool(relative(i1, float(stable.slow), i2, float(canary.slow), rule))
    return Verdict(
        stable=stable,
        canary=canary,
        relative=bool(relative(i1, e1, i2, e2, rule)),
        absolute=bool(absolute(i1, e1, i2, e2, rule)),
        slow=slow,
        z=_standard_errors(i1, e1, i2, e2, rule),
    )


def _standard_errors(i1: float, e1: float, i2: float, e2: float, rule: Rule) -> float:
    n, errors = i1 + i2, e1 + e2
    variance = errors * (n - errors) * i1 * i2
    return ((e2 - rule.correction) * i1 - e1 * i2) * math.sqrt(n / variance) if variance > 0 else 0.0


# The same, as metric math.
