"""The verdict on a canary: one rule, on counts in Python and as CloudWatch metric math.

The algebra has no division, so no empty series and no zero divisor can matter, and it is written with operators
that hold for a number and for an array alike: `judge`, the simulation in `bench` and the alarm share it. How often it
errs, by traffic and baseline, is measured in docs/verdict.md.

The relative part asks the log likelihood ratio of two binomial rates against one (S. S. Wilks, "The large-sample
distribution of the likelihood ratio for testing composite hypotheses", Ann. Math. Statist. 9 (1938),
https://doi.org/10.1214/aoms/1177732360): twice it is about the square of a standard normal z. It is a sum of terms
x ln x, of which doubles keep seven decimals at 10^7 requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.release.verdict.metric_math import MetricQuery, metric_queries, slow_metric_queries
from infra.release.verdict.rule import LIKELIHOOD, Bound, Rule, VerdictError

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
Log = Callable[[Operand], Operand]
"""The natural logarithm of a float, or of an array's elements; `numpy.log` for arrays."""

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
    returns is taken if it is whole). Where answered faults count, they are among the errors. slow: invocations over the
    rule's budget; a share times a count, so not always whole. Raises VerdictError for counts that cannot be.
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
    """The rule's judgement of a canary. z: standard errors above stable by the rule's statistic, 0 where undefined."""

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


def enough(i2: Operand, e2: Operand, minimum: int) -> Operand:
    """True if the canary has errors enough, and no more than invocations: more means that those are still to arrive."""
    return (e2 >= minimum) & (e2 <= i2)


def successes(invocations: Operand, errors: Operand) -> Operand:
    """Return what did not fail; none where errors have arrived before their invocations."""
    return (invocations > errors) * (invocations - errors)


def log_likelihood_ratio(i1: Operand, e1: Operand, i2: Operand, e2: Operand, *, log: Log = math.log) -> Operand:
    """Return ln of how much likelier the counts are with an error rate for each version than with one for both.

    It is 0 where a version has no invocations. Rounding may leave it a hair below 0.
    """
    s1, s2 = successes(i1, e1), successes(i2, e2)

    def term(x: Operand) -> Operand:
        return x * log(x + (x == 0))

    apart = term(e1) + term(e2) + term(s1) + term(s2)
    return apart + term((e1 + e2) + (s1 + s2)) - term(e1 + s1) - term(e2 + s2) - term(e1 + e2) - term(s1 + s2)


def parts(
    i1: Operand, e1: Operand, i2: Operand, e2: Operand, rule: Rule, *, log: Log = math.log
) -> tuple[Operand, Operand]:
    """Return where the relative part of the rule fires, and where the absolute one.

    The first: the canary's rate is over z standard errors above stable's, by the statistic of the rule. The second: it
    is more than `rule.absolute` above, with less significance. The two-proportion test has a pooled variance and is
    multiplied out.
    """
    much = e2 * i1 - e1 * i2 > rule.absolute * i1 * i2
    absolute = much & enough(i2, e2, rule.absolute_minimum)
    if rule.statistic == LIKELIHOOD:
        ratio = log_likelihood_ratio(i1, e1, i2, e2, log=log)
        worse = e2 * successes(i1, e1) > e1 * successes(i2, e2)
        relative = worse & (ratio > rule.z * rule.z / 2) & enough(i2, e2, rule.minimum_errors)
        return relative, absolute & worse & (ratio > rule.absolute_z * rule.absolute_z / 2)
    d = (e2 - rule.correction) * i1 - e1 * i2
    errors = e1 + e2
    n = i1 + i2
    above = n * d * d > rule.z * rule.z * errors * (n - errors) * i1 * i2
    return (d > 0) & above & enough(i2, e2, rule.minimum_errors), absolute


def fires(i1: Operand, e1: Operand, i2: Operand, e2: Operand, rule: Rule, *, log: Log = math.log) -> Operand:
    """True where the verdict alarm is red, for floats or (with their `log`) arrays of them.

    Slowness has an alarm of its own.
    """
    relative, absolute = parts(i1, e1, i2, counted(e2, rule), rule, log=log)
    return relative | absolute


def judge(stable: Counts, canary: Counts, rule: Rule) -> Verdict:
    """Judge the canary version by the stable one, both counted over the same window."""
    i1, e1 = float(stable.invocations), float(stable.errors)
    i2, e2 = float(canary.invocations), float(counted(canary.errors, rule))
    relative, absolute = parts(i1, e1, i2, e2, rule)
    slow = rule.slow_milliseconds is not None and parts(i1, float(stable.slow), i2, float(canary.slow), rule)[0]
    return Verdict(
        stable=stable,
        canary=canary,
        relative=bool(relative),
        absolute=bool(absolute),
        slow=bool(slow),
        z=_standard_errors(i1, e1, i2, e2, rule),
    )


def _standard_errors(i1: float, e1: float, i2: float, e2: float, rule: Rule) -> float:
    if rule.statistic == LIKELIHOOD:
        above = e2 * i1 - e1 * i2
        root = math.sqrt(2 * max(log_likelihood_ratio(i1, e1, i2, e2), 0.0))
        return math.copysign(root, above) if above else 0.0  # else only rounding differs from 0
    n, errors = i1 + i2, e1 + e2
    variance = errors * (n - errors) * i1 * i2
    return ((e2 - rule.correction) * i1 - e1 * i2) * math.sqrt(n / variance) if variance > 0 else 0.0
