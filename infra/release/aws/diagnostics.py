"""The reads of `doctor`. Each may be denied without keeping the others from being made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from infra.answered import METRIC, NAMESPACE
from infra.release.aws import iam, metrics, versions
from infra.release.aws.cloud import Aws
from infra.release.aws.deployments import chunks, group_arn
from infra.release.aws.errors import aws_call
from infra.release.aws.metrics import MOST_NAMES, described
from infra.release.decision import obsolete_alarms
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError, NotFoundError
from infra.release.model.observation import Deployment, Notes
from infra.release.model.spec import Target
from infra.release.model.tags import Tags
from infra.release.reports.doctor.alarms import last_attempt
from infra.release.reports.doctor.facts import Account, Alarm, Examined, Group, Hook, Metric, Storage

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

T = TypeVar("T")
D = TypeVar("D")
LAMBDA = "AWS/Lambda"


class Asked:
    """Makes reads and keeps the reason of each that failed."""

    def __init__(self) -> None:
        self.unavailable_reason: dict[str, str] = {}

    def ask(self, field: str, read: Callable[[], T], absent: D) -> T | D:
        """Return the answer; `absent` where AWS has no such resource, or the read failed."""
        try:
            return read()
        except NotFoundError:
            return absent
        except AwsError as problem:
            self.unavailable_reason[field] = str(problem)
            return absent


def account(aws: Aws, targets: Sequence[Target], *, shallow: bool | None) -> Account:
    """Return the facts of the account that the release is in."""
    asked, clients = Asked(), aws.clients
    try:
        headers: Mapping[str, str] = clients.caller["ResponseMetadata"]["HTTPHeaders"]
    except AwsError as problem:
        asked.unavailable_reason["caller"] = str(problem)
        refused = getattr(problem.__cause__, "response", {})  # an error response has a date too
        headers = refused.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    facts = Account(wanted=targets[0].topic.split(":")[4], skew=skew(headers, datetime.now(UTC)), shallow=shallow)
    known: dict[str, Any] = {}
    if not asked.unavailable_reason:
        known = {
            "account": clients.caller["Account"],
            "caller": clients.caller["Arn"],
            "storage": asked.ask("storage", lambda: _storage(aws), None),
            "allowed": asked.ask("allowed", lambda: _allowed(aws, targets), {}),
        }
    return Account(**{**vars(facts), **known, "unavailable_reason": asked.unavailable_reason})


def skew(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """This machine's clock less AWS's, by the date of an answer just received; None if it has none."""
    return now - parsedate_to_datetime(headers["date"]) if "date" in headers else None


def _storage(aws: Aws) -> Storage:
    with aws_call("lambda GetAccountSettings"):
        found = aws.clients.functions.get_account_settings()
    limit, usage = found["AccountLimit"], found["AccountUsage"]
    return Storage(
        usage["TotalCodeSize"],
        limit["TotalCodeSize"],
        limit["UnreservedConcurrentExecutions"],
        limit["ConcurrentExecutions"],
    )


def _allowed(aws: Aws, targets: Sequence[Target]) -> dict[str, bool]:
    """For each action, whether it is allowed; empty for the root user."""
    if (who := iam.principal(aws.clients)) is None:
        return {}
    allowed: dict[str, bool] = {}
    for actions, arns in iam.writes(targets).items():
        allowed |= iam.simulated(aws.clients, who, actions, arns)
    return allowed


def function(aws: Aws, clock: ScaledClock, target: Target) -> Examined:
    """Return the facts of one function."""
    asked, now = Asked(), clock.now()
    alias = asked.ask("alias", lambda: aws.alias(target.function, target.alias), None)
    ledger = asked.ask("ledger", lambda: _ledger(aws, target), ())
    group = asked.ask("group", lambda: _group(aws, target), None)
    names = asked.ask("verdicts", lambda: versions.verdict_alarms(aws.clients, clock, target), {})
    alarms = asked.ask("alarms", lambda: _alarms(aws, target, ledger), {})
    return Examined(
        target=target,
        now=now,
        alias=alias,
        live=asked.ask("live", lambda: aws.version(target.function, alias.version) if alias else None, None),
        ledger=ledger,
        tags=asked.ask("tags", lambda: aws.records.tags(target), Tags()),
        group=group,
        trusted=asked.ask("trusted", lambda: _trusted(aws, group), None),
        curve=asked.ask("curve", lambda: _curve(aws, target), None),
        alarms=alarms,
        unfit=asked.ask("unfit", lambda: metrics.unfit(aws.clients, target.alarms), {}),
        verdicts=len(names),
        leftover=asked.ask("leftover", lambda: tuple(obsolete_alarms.left(target, ledger, names, now)), ()),
        reported=asked.ask("reported", lambda: _reported(aws, target, alarms.values()), frozenset()),
        hooks=_hooks(aws, target, asked),
        unavailable_reason=asked.unavailable_reason,
    )


def _ledger(aws: Aws, target: Target) -> tuple[Deployment, ...]:
    records = aws.records.deployments([target], {target.function: Notes()})[target.group]
    return tuple(sorted(records.values(), key=lambda each: each.created, reverse=True))


def _group(aws: Aws, target: Target) -> Group:
    with aws_call("codedeploy GetDeploymentGroup", target.group):
        info = aws.clients.codedeploy.get_deployment_group(
            applicationName=target.application, deploymentGroupName=target.group
        )["deploymentGroupInfo"]
    rollback, alarms = info.get("autoRollbackConfiguration", {}), info.get("alarmConfiguration", {})
    return Group(
        events=frozenset(rollback.get("events", ())) if rollback.get("enabled") else frozenset(),
        alarms=frozenset(each["name"] for each in alarms.get("alarms", ())) if alarms.get("enabled") else frozenset(),
        blind=alarms.get("ignorePollAlarmFailure", False),
        role=info.get("serviceRoleArn", ""),
    )


def _trusted(aws: Aws, group: Group | None) -> bool | None:
    return iam.trusts(iam.role(aws.clients, group.role), "codedeploy") if group else None


def _curve(aws: Aws, target: Target) -> int | None:
    with aws_call("codedeploy GetDeploymentConfig", target.curve):
        found = aws.clients.codedeploy.get_deployment_config(deploymentConfigName=target.curve)
    routing = found["deploymentConfigInfo"].get("trafficRoutingConfig", {})
    return routing.get("timeBasedCanary", {}).get("canaryInterval")


def _alarms(aws: Aws, target: Target, ledger: Sequence[Deployment]) -> dict[str, Alarm]:
    """Return the alarms of the release and of its last attempt, by name."""
    last = last_attempt(ledger)
    names = sorted({target.alarm, target.throttle_alarm, *target.alarms, *(last.alarms if last else ())} - {""})
    found: dict[str, Alarm] = {}
    for some in chunks(names, MOST_NAMES):
        found |= {each["AlarmName"]: _alarm(each) for each in described(aws.clients, some)}
    for name in last.alarms if last and last.status.ended else ():
        if name not in found and (compared := obsolete_alarms.versions_of(target, name)) is not None:
            found[name] = Alarm(name, acts=True, actions=(), state="DELETED", metrics=_compared(target, *compared))
    return found


def _compared(target: Target, *versions: str) -> frozenset[Metric]:
    """Return the metrics that a deleted verdict alarm read of its two versions."""
    alias = {"FunctionName": target.function, "Resource": f"{target.function}:{target.alias}"}
    named = [frozenset({**alias, "ExecutedVersion": each}.items()) for each in versions]
    read = [(LAMBDA, "Invocations"), (LAMBDA, "Errors"), *([(NAMESPACE, METRIC)] if target.answered else ())]
    return frozenset(Metric(namespace, metric, each) for namespace, metric in read for each in named)


def _alarm(info: MetricAlarmTypeDef) -> Alarm:
    stats = [each["MetricStat"]["Metric"] for each in info.get("Metrics", ()) if "MetricStat" in each]
    metrics: list[Any] = stats or [info]  # an alarm on one metric has it at the top
    return Alarm(
        name=info["AlarmName"],
        acts=info.get("ActionsEnabled", True),
        actions=tuple(info.get("AlarmActions", ())),
        state=info.get("StateValue", "INSUFFICIENT_DATA"),
        metrics=frozenset(_metric(each) for each in metrics),
    )


def _metric(info: Mapping[str, Any]) -> Metric:
    dimensions = frozenset((each["Name"], each["Value"]) for each in info.get("Dimensions", ()))
    return Metric(info["Namespace"], info["MetricName"], dimensions)


def _reported(aws: Aws, target: Target, alarms: Iterable[Alarm]) -> frozenset[Metric]:
    """Return all of Lambda's metrics of the function and its answered faults, and those of the alarms' other metrics
    that there are."""
    mine = ("FunctionName", target.function)
    of_function = [{"Name": mine[0], "Value": mine[1]}]
    found = set(_listed(aws, Namespace=LAMBDA, Dimensions=of_function))
    found |= set(_listed(aws, Namespace=NAMESPACE, MetricName=METRIC, Dimensions=of_function))
    for metric in {each for alarm in alarms for each in alarm.metrics}:
        if metric.namespace != LAMBDA or mine not in metric.dimensions:
            dimensions = [{"Name": name, "Value": value} for name, value in sorted(metric.dimensions)]
            found |= set(_listed(aws, Namespace=metric.namespace, MetricName=metric.name, Dimensions=dimensions))
    return frozenset(found)


def _listed(aws: Aws, **only: Any) -> list[Metric]:
    with aws_call("cloudwatch ListMetrics", only["Namespace"]):
        pages = aws.clients.cloudwatch.get_paginator("list_metrics").paginate(**only)
        return [_metric(each) for page in pages for each in page["Metrics"]]


def _hooks(aws: Aws, target: Target, asked: Asked) -> dict[str, Hook | None]:
    names = filter(None, (target.before_allow_traffic, target.after_allow_traffic))
    found = {name: asked.ask(f"hook {name}", partial(_hook, aws, target, name), None) for name in names}
    return {name: hook for name, hook in found.items() if f"hook {name}" not in asked.unavailable_reason}


def _hook(aws: Aws, target: Target, name: str) -> Hook:
    with aws_call("lambda GetFunctionConfiguration", name):
        info = aws.clients.functions.get_function_configuration(FunctionName=name)
    variables = info.get("Environment", {}).get("Variables", {})
    return Hook(name, info["Timeout"], variables, _answers(aws, target, info["Role"]))


def _answers(aws: Aws, target: Target, role: str) -> bool | None:
    try:
        return iam.simulated(aws.clients, role, [iam.ANSWER], [group_arn(target)])[iam.ANSWER]
    except AwsError:  # the caller may not read it, which says nothing of the hook
        return None
