"""CloudWatch's part of an observation: counts of the versions of many functions, and which alarms are red.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.answered import METRIC, NAMESPACE
from infra.release.aws.clients import Clients
from infra.release.aws.deployments import chunks
from infra.release.aws.errors import aws_call
from infra.release.decision import curve
from infra.release.engine.clock import ScaledClock
from infra.release.model.observation import NOTHING, Observation
from infra.release.model.spec import Target
from infra.release.verdict.judge import Counts
from infra.release.verdict.traffic import PERIOD, WEEK, WEEKS, Bucket

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

MOST_QUERIES = 500  # of one GetMetricData
MOST_NAMES = 100  # of one DescribeAlarms
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Wanted:
    """The counts to read: of one function's alias and two of its versions, since a time. `shift`: when the canary of an
    ended deployment got all traffic; None while there is no such time."""

    target: Target
    since: datetime
    stable: str
    canary: str
    shift: datetime | None

    @property
    def function(self) -> str:
        return self.target.function


def wanted(target: Target, seen: Observation, now: datetime) -> Wanted:
    """Counts of the verdict alarm's own window, up to the end of the followed deployment: with more of stable's past,
    or without its traffic at the end of a long bake, the runner would judge what the alarm does not."""
    followed, window = seen.followed, timedelta(minutes=curve.window(target, seen))
    since = max(followed.created, (followed.ended or now) - window) if followed else now - window
    shift = None
    if followed and followed.ended and followed.shifting:  # it may have stayed open for a hook after the shift
        shift = min(followed.ended, followed.shifting + window)
    return Wanted(target, since, *seen.compared, shift)


@dataclass(frozen=True)
class Measured:
    """Invocations of the alias, and the counts of each version under it; `before_shift`: see Observation."""

    traffic: int = 0
    stable: Counts = NOTHING
    canary: Counts = NOTHING
    before_shift: int = 0


def counts(clients: Clients, clock: ScaledClock, wanted: Sequence[Wanted]) -> Mapping[str, Measured]:
    """Counts by function. A bucket of metrics may begin a minute before its first call, so that much more is read."""
    asked = [(query, each) for index, each in enumerate(wanted) for query in _queries(each, index)]
    sums: Counter[tuple[str, str]] = Counter()
    for start in range(0, len(asked), MOST_QUERIES):
        some = asked[start : start + MOST_QUERIES]
        of_whom = {query["Id"]: each for query, each in some}
        with aws_call(
            "cloudwatch GetMetricData", f"metrics of {', '.join(sorted({each.function for _, each in some}))}"
        ):
            pages = clients.cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[query for query, _ in some],  # type: ignore[misc]
                StartTime=min(clock.real(each.since - MINUTE) for _, each in some),
                EndTime=clock.real(clock.now() + MINUTE),
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    each = of_whom[result["Id"]]
                    after = clock.real(each.since - 2 * MINUTE)  # others may have asked for older buckets
                    values = [one for one in zip(result["Timestamps"], result["Values"], strict=True) if one[0] > after]
                    name = result["Id"].split("_")[0]
                    sums[each.function, name] += round(sum(value for _, value in values))
                    if name == "i2" and each.shift:
                        last = clock.real(each.shift - MINUTE)
                        sums[each.function, "before"] += round(sum(value for at, value in values if at <= last))
    return {each.function: _measured(each.function, sums) for each in wanted}


def _measured(function: str, sums: Mapping[tuple[str, str], int]) -> Measured:
    i1, i2 = sums[function, "i1"], sums[function, "i2"]
    e1, e2 = (sums[function, f"e{number}"] + sums[function, f"a{number}"] for number in (1, 2))
    # Errors can arrive before the invocations that they are part of. The alarm does not judge a canary by such.
    canary = Counts(i2, e2 if e2 <= i2 else 0)
    return Measured(sums[function, "traffic"], Counts(max(i1, e1), e1), canary, sums[function, "before"])


def _queries(wanted: Wanted, index: int) -> list[dict[str, Any]]:
    target = wanted.target
    alias = {"FunctionName": target.function, "Resource": f"{target.function}:{target.alias}"}
    queries = [_sum(f"traffic_{index}", "Invocations", alias)]
    for number, version in enumerate((wanted.stable, wanted.canary), start=1):
        if not version:  # not published yet, so it did nothing
            continue
        of_version = alias | {"ExecutedVersion": version}
        queries += [
            _sum(f"i{number}_{index}", "Invocations", of_version),
            _sum(f"e{number}_{index}", "Errors", of_version),
        ]
        if target.answered:
            queries.append(_sum(f"a{number}_{index}", METRIC, of_version, NAMESPACE))
    return queries


def _sum(
    id_: str,
    metric: str,
    dimensions: Mapping[str, str],
    namespace: str = "AWS/Lambda",
    period: timedelta = MINUTE,
) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    stat = {"Namespace": namespace, "MetricName": metric, "Dimensions": named}
    return {"Id": id_, "MetricStat": {"Metric": stat, "Period": int(period.total_seconds()), "Stat": "Sum"}}


def history(clients: Clients, clock: ScaledClock, target: Target) -> tuple[Bucket, ...]:
    """Return the counts of the alias in the last weeks. A version's own counts are not read: an alias without weights
    need not report them."""
    alias = {"FunctionName": target.function, "Resource": f"{target.function}:{target.alias}"}
    sums: dict[str, Counter[datetime]] = {"i": Counter(), "e": Counter(), "a": Counter()}
    queries: list[Any] = [_sum("i", "Invocations", alias, period=PERIOD), _sum("e", "Errors", alias, period=PERIOD)]
    if target.answered:
        queries.append(_sum("a", METRIC, alias, NAMESPACE, PERIOD))
    with aws_call("cloudwatch GetMetricData", f"metrics of {target.function}"):
        pages = clients.cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=clock.real(clock.now() - WEEKS * WEEK),
            EndTime=clock.real(clock.now()),
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    sums[result["Id"]][at] += round(value)
    return tuple(
        Bucket(clock.simulated(at), count, sums["e"][at] + sums["a"][at]) for at, count in sorted(sums["i"].items())
    )


def red(clients: Clients, names: Iterable[str]) -> dict[str, str]:
    """The alarms that are in ALARM, each with CloudWatch's reason."""
    found: dict[str, str] = {}
    for some in chunks(sorted(set(names)), MOST_NAMES):
        found |= {
            each["AlarmName"]: each.get("StateReason", "") for each in described(clients, some, StateValue="ALARM")
        }
    return found


def unfit(clients: Clients, names: Iterable[str]) -> dict[str, str]:
    """Return why CodeDeploy cannot read an alarm, by its name; nothing of one that it can.

    It reads metric alarms of its own region; DescribeAlarms returns composite ones only where they are asked for.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    """
    found: dict[str, str] = {}
    for some in chunks(sorted(set(names)), MOST_NAMES):
        with aws_call("cloudwatch DescribeAlarms", f"alarms {', '.join(some)}"):
            pages = clients.cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmNames=some, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            there = list(pages)
        metric = {each["AlarmName"] for page in there for each in page["MetricAlarms"]}
        composite = {each["AlarmName"] for page in there for each in page["CompositeAlarms"]}
        found |= dict.fromkeys(
            set(some) - metric - composite, f"does not exist in {clients.region}, and CodeDeploy reads no other region"
        )
        found |= dict.fromkeys(composite, "is a composite alarm, and CodeDeploy reads metric alarms alone")
    return found


def described(clients: Clients, names: Sequence[str], **only: Any) -> Iterator[MetricAlarmTypeDef]:
    """Yield the existing alarms among `names`, at most 100. An answer has 50 unless the call asks for more.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    """
    with aws_call("cloudwatch DescribeAlarms", f"alarms {', '.join(names)}"):
        pages = clients.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNames=names, **only)
        for page in pages:
            yield from page["MetricAlarms"]
