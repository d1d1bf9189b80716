"""The verdict as CloudWatch metric math, for the alarm that CodeDeploy watches.

LOG is the natural logarithm (LOG10 the decimal one), and a comparison with a number gives 1 or 0 for each point:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from infra.answered import METRIC, NAMESPACE
from infra.release.verdict.rule import LIKELIHOOD, Rule, VerdictError

MOST_METRICS = MOST_EXPRESSIONS = 10


LONGEST_EXPRESSION = 2048


WORSE = "(e2 * s1 > e1 * s2)"
"""The canary fails more often than stable, as `judge` says it."""

_SHARED = "IF((FILL(canary_invocations, 0) > 0) AND (FILL(all_invocations, 0) > FILL(canary_invocations, 0)), 1, 0)"

LONGEST_WINDOW_MINUTES = 1440
"""An alarm's window, period times evaluation periods, is one day at most for periods under an hour."""


@dataclass(frozen=True)
class MetricQuery:
    """One entry of an alarm's `Metrics`: a metric's statistic, or (where `expression` is given) metric math.

    period: seconds. returned: the one entry that the alarm watches.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
    """

    id: str
    expression: str | None = None
    label: str | None = None
    metric: str | None = None
    statistic: str = "Sum"
    dimensions: tuple[tuple[str, str], ...] = ()
    period: int = 600
    returned: bool = False
    namespace: str = "AWS/Lambda"

    def as_api(self) -> dict[str, Any]:
        """Return the entry for boto3's `put_metric_alarm(Metrics=[...])` and `get_metric_data`."""
        entry: dict[str, Any] = {"Id": self.id, "ReturnData": self.returned}
        if self.label:
            entry["Label"] = self.label
        if self.expression is not None:
            return entry | {"Expression": self.expression}
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": dimensions}
        return entry | {"MetricStat": {"Metric": metric, "Period": self.period, "Stat": self.statistic}}


def metric_queries(  # noqa: PLR0917 - the design's signature
    function: str, alias: str, stable: str, canary: str, rule: Rule, minutes: int = 10, *, answered: bool = False
) -> tuple[MetricQuery, ...]:
    """Return the verdict on errors as metric math: 1 where `fires` is true, else 0. Alarm with `ALARM_SETTINGS`.

    stable, canary: published versions of `function` behind `alias`. minutes: the canary's, which is the window.
    answered: count the faults that the function answers among the errors (`infra.answered`).
    Raises VerdictError: a window that is not a whole number of minutes, equal versions, more than CloudWatch takes.
    """
    source = _Source(function, alias, stable, canary, minutes)
    return _checked(
        source.metric("stable_invocations", "Invocations", stable),
        *source.errors("stable", stable, answered=answered),
        source.metric("canary_invocations", "Invocations", canary),
        *source.errors("canary", canary, answered=answered),
        _math("i1", "FILL(stable_invocations, 0)"),
        _math("e1", _errors_math("stable", answered=answered)),
        _math("i2", "FILL(canary_invocations, 0)"),
        _math("e2", _counted_math(_errors_math("canary", answered=answered), rule)),
        *_relative_math(rule),
        _math("absolute", _absolute_math(rule)),
        _math("verdict", "IF(relative + absolute > 0, 1, 0)", f"{function} {canary} against {stable}", returned=True),
    )


def slow_metric_queries(  # noqa: PLR0917 - the design's signature
    function: str, alias: str, stable: str, canary: str, rule: Rule, minutes: int = 10
) -> tuple[MetricQuery, ...]:
    """Return the verdict on slowness as metric math, for a separate alarm: the relative rule on the share of
    invocations over `rule.slow_milliseconds`. Arguments and errors are those of `metric_queries`; a rule without a
    budget is an error.

    A percentile rank is the percentage of durations up to the budget:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
    """
    if rule.slow_milliseconds is None:
        raise VerdictError(
            "rule.slow_milliseconds is not set: there is no budget to call an invocation slow by; set it"
        )
    source = _Source(function, alias, stable, canary, minutes)
    rank = f"PR(:{rule.slow_milliseconds})"
    return _checked(
        source.metric("stable_invocations", "Duration", stable, "SampleCount"),
        source.metric("stable_fast", "Duration", stable, rank),
        source.metric("canary_invocations", "Duration", canary, "SampleCount"),
        source.metric("canary_fast", "Duration", canary, rank),
        _math("i1", "FILL(stable_invocations, 0)"),
        # Where no rank is known nothing is known to be slow: 100 % fast, not 0 %.
        _math("e1", "i1 * (100 - FILL(stable_fast, 100)) / 100"),
        _math("i2", "FILL(canary_invocations, 0)"),
        _math("e2", "i2 * (100 - FILL(canary_fast, 100)) / 100"),
        *_relative_math(rule),
        _math("verdict", "IF(relative > 0, 1, 0)", f"{function} {canary} slower than {stable}", returned=True),
    )


def deployment_queries(function: str, alias: str, canary: str) -> tuple[MetricQuery, ...]:
    """Return as metric math, minute by minute, whether the canary and another version both had traffic: 1 or 0."""
    source = _Source(function, alias, "", canary, 1)
    return (
        source.metric("all_invocations", "Invocations", ""),
        source.metric("canary_invocations", "Invocations", canary),
        _math("shared", _SHARED, f"traffic is shared with version {canary}", returned=True),
    )


def statistic_queries(
    function: str, alias: str, canary: str, rule: Rule, *, answered: bool = False
) -> tuple[MetricQuery, ...]:
    """Return the verdict's statistic so far as metric math, for each minute of a graph. No alarm takes it.

    The stable version is not named, since a dashboard is written before a release takes its traffic: an alias sends
    traffic to two versions at most, so what the canary does not count in a minute that they share is stable's. The sums
    run over such minutes from the beginning of the graph, so it must not begin amid a canary.
    """
    source = _Source(function, alias, "", canary, 1)
    *shared, in_both = deployment_queries(function, alias, canary)
    stable_errors = f"({_errors_math('all', answered=answered)} - {_errors_math('canary', answered=answered)})"
    canary_errors = f"RUNNING_SUM(shared * {_errors_math('canary', answered=answered)})"
    return (
        *shared,
        *source.errors("all", "", answered=answered),
        *source.errors("canary", canary, answered=answered),
        replace(in_both, returned=False),
        _math("i1", "RUNNING_SUM(shared * (FILL(all_invocations, 0) - FILL(canary_invocations, 0)))"),
        _math("e1", f"RUNNING_SUM(shared * {stable_errors})"),
        _math("i2", "RUNNING_SUM(shared * FILL(canary_invocations, 0))"),
        _math("e2", _counted_math(canary_errors, rule)),
        *(each for each in _relative_math(rule) if each.id != "relative"),
        _math("z", _statistic_math(rule), f"z of version {canary}", returned=True),
    )


def _statistic_math(rule: Rule) -> str:
    """The statistic of `judge`, 0 where it is undefined. Metric math has no square root, and drops a division by 0."""
    if rule.statistic == LIKELIHOOD:
        return "((e2 * i1 > e1 * i2) - (e2 * i1 < e1 * i2)) * (IF(ratio > 0, 2 * ratio, 0) ^ 0.5)"
    variance = "(errors * (i1 + i2 - errors) * i1 * i2)"
    return f"({variance} > 0) * d * (((i1 + i2) / ({variance} + ({variance} == 0))) ^ 0.5)"


def _relative_math(rule: Rule) -> tuple[MetricQuery, ...]:
    enough = _enough_math(rule.minimum_errors)
    # Sums and products in the order of `judge`, so that both round alike.
    if rule.statistic == LIKELIHOOD:
        return (
            _math("s1", "IF(i1 > e1, i1 - e1, 0)"),
            _math("s2", "IF(i2 > e2, i2 - e2, 0)"),
            _math("ratio", _ratio_math()),
            _math("relative", f"IF({WORSE} AND {_ratio_above(rule.z)} AND {enough}, 1, 0)"),
        )
    left = "(i1 + i2) * d * d"
    right = f"{_number(rule.z * rule.z)} * errors * (i1 + i2 - errors) * i1 * i2"
    return (
        _math("errors", "e1 + e2"),
        _math("d", f"(e2 - {_number(rule.correction)}) * i1 - e1 * i2"),
        _math("relative", f"IF((d > 0) AND ({left} > {right}) AND {enough}, 1, 0)"),
    )


def _ratio_math() -> str:
    def term(x: str) -> str:
        return f"{x} * LOG({x} + ({x} == 0))"  # x ln x, and 0 at 0

    added = ("e1", "e2", "s1", "s2", "((e1 + e2) + (s1 + s2))")
    taken_off = ("(e1 + s1)", "(e2 + s2)", "(e1 + e2)", "(s1 + s2)")
    return " - ".join((" + ".join(map(term, added)), *map(term, taken_off)))


def _absolute_math(rule: Rule) -> str:
    conditions = [f"(e2 * i1 - e1 * i2 > {_number(rule.absolute)} * i1 * i2)", _enough_math(rule.absolute_minimum)]
    if rule.statistic == LIKELIHOOD:
        conditions += [WORSE, _ratio_above(rule.absolute_z)]
    return f"IF({' AND '.join(conditions)}, 1, 0)"


def _ratio_above(z: float) -> str:
    return f"(ratio > {_number(z * z / 2)})"


def _enough_math(minimum: int) -> str:
    return f"(e2 >= {minimum}) AND (e2 <= i2)"


def _errors_math(side: str, *, answered: bool) -> str:
    """A version's errors. A missing operand of a sum reads as 0, whatever FILL does to a series without any point."""
    raised = f"FILL({side}_errors, 0)"
    return f"({raised} + FILL({side}_answered, 0))" if answered else raised


def _counted_math(errors: str, rule: Rule) -> str:
    return f"IF({errors} > {rule.forgiven}, {errors} - {rule.forgiven}, 0)" if rule.forgiven else errors


def _number(value: float) -> str:
    """`value` in full and without an exponent, which metric math is not documented to read."""
    return format(Decimal(repr(value)), "f")


def _math(name: str, expression: str, label: str | None = None, *, returned: bool = False) -> MetricQuery:
    return MetricQuery(name, expression, label, returned=returned)


@dataclass(frozen=True)
class _Source:
    """The source of the metrics that the queries read, and the window. A metric of no version is the whole alias's."""

    function: str
    alias: str
    stable: str
    canary: str
    minutes: int

    def __post_init__(self) -> None:
        minutes = self.minutes
        if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= LONGEST_WINDOW_MINUTES:
            raise VerdictError(
                f"a window of {minutes!r} minutes: Lambda's metrics come by the minute, and an alarm looks back "
                f"a day at most; give a whole number of minutes from 1 to {LONGEST_WINDOW_MINUTES}"
            )
        if self.stable == self.canary:
            raise VerdictError(
                f"stable and canary are both version {self.stable!r} of {self.function}: a version cannot be judged by "
                "itself; publish the new code as a version of its own"
            )

    def metric(self, name: str, metric: str, version: str, statistic: str = "Sum") -> MetricQuery:
        dimensions = [("FunctionName", self.function), ("Resource", f"{self.function}:{self.alias}")]
        if version:
            dimensions.append(("ExecutedVersion", version))
        return MetricQuery(
            name, metric=metric, statistic=statistic, dimensions=tuple(dimensions), period=self.minutes * 60
        )

    def errors(self, side: str, version: str, *, answered: bool) -> Iterator[MetricQuery]:
        """Yield the metrics of a version's errors: those that Lambda counts and, where wanted, the answered faults."""
        yield self.metric(f"{side}_errors", "Errors", version)
        if answered:
            yield replace(self.metric(f"{side}_answered", METRIC, version), namespace=NAMESPACE)


def _checked(*queries: MetricQuery) -> tuple[MetricQuery, ...]:
    """`queries`, if CloudWatch takes them in one alarm.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    expressions = [query for query in queries if query.expression is not None]
    metrics = [query for query in queries if query.expression is None]
    mistakes = [
        f"{len(entries)} {kind}s in one alarm: CloudWatch takes {most}; split the alarm"
        for kind, entries, most in (("metric", metrics, MOST_METRICS), ("expression", expressions, MOST_EXPRESSIONS))
        if len(entries) > most
    ]
    mistakes += [
        f"expression {query.id} has {len(query.expression)} characters: CloudWatch takes {LONGEST_EXPRESSION}; split it"
        for query in expressions
        if query.expression is not None and len(query.expression) > LONGEST_EXPRESSION
    ]
    if len({query.period for query in metrics}) > 1:
        mistakes.append("metrics of different periods in one alarm: CloudWatch takes one; use the window's for all")
    if (returned := sum(query.returned for query in queries)) != 1:
        mistakes.append(f"{returned} entries return data: an alarm watches exactly one; mark that one")
    if mistakes:
        raise VerdictError(*mistakes)
    return queries
