"""AWS behind the runner's `Cloud`: the only module of the engine that calls it. Thin: one method, a few calls.

Lambda says what is live, CodeDeploy what is and was in flight, CloudWatch what the versions did. What cannot change (a
published version, a deployment's versions) is asked for once. Times are translated by the clock as they come and go.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from infra.release import fingerprint, ledger, logs
from infra.release.aws_errors import asking
from infra.release.clock import ScaledClock
from infra.release.model import (
    Alias,
    Answer,
    Deployment,
    Notes,
    Observation,
    ReleasePolicy,
    Status,
    Target,
    Version,
)
from infra.release.runner import CloudError, Unavailable
from infra.release.verdict import ALARM_SETTINGS, Counts, metric_queries

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_codedeploy import CodeDeployClient
    from mypy_boto3_codedeploy.literals import AutoRollbackEventType
    from mypy_boto3_codedeploy.type_defs import DeploymentInfoTypeDef, TagTypeDef
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef

FIRST = "strata:first"
"""The deployment group's tag that says which first version answered its probe, and when."""
ROLLBACK_EVENTS: list[AutoRollbackEventType] = [
    "DEPLOYMENT_FAILURE",
    "DEPLOYMENT_STOP_ON_ALARM",
    "DEPLOYMENT_STOP_ON_REQUEST",
]
"""All of them, always: without the last, stopping a deployment leaves the alias split."""
IN_FLIGHT = [status.value for status in Status if not status.ended]
MOST_STREAMS = 100  # that FilterLogEvents takes by name

_TIMEOUTS = {"connect_timeout": 5, "read_timeout": 60}
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 6}, **_TIMEOUTS)  # type: ignore[arg-type]
# A CreateDeployment whose answer was lost must be looked for, not sent again: it has no idempotency token.
_ONCE = Config(retries={"total_max_attempts": 1}, **_TIMEOUTS)  # type: ignore[arg-type]


class Aws:
    """Lambda, CodeDeploy, CloudWatch, its Logs, and STS, in one region."""

    def __init__(self, region: str, clock: ScaledClock) -> None:
        self._session = boto3.Session(region_name=region)
        self._clock = clock
        self._versions: dict[tuple[str, str], Version] = {}
        self._records: dict[str, dict[str, Deployment]] = {}  # by deployment group, then id
        self._canaries: dict[str, str] = {}  # by deployment

    def _client(self, service: str, config: Config = _PATIENT) -> Any:
        with asking(service):
            return self._session.client(service, config=config)  # type: ignore[call-overload]

    @cached_property
    def _lambda(self) -> LambdaClient:
        return self._client("lambda")  # type: ignore[no-any-return]

    @cached_property
    def _codedeploy(self) -> CodeDeployClient:
        return self._client("codedeploy")  # type: ignore[no-any-return]

    @cached_property
    def _codedeploy_once(self) -> CodeDeployClient:
        return self._client("codedeploy", _ONCE)  # type: ignore[no-any-return]

    @cached_property
    def _cloudwatch(self) -> CloudWatchClient:
        return self._client("cloudwatch")  # type: ignore[no-any-return]

    @cached_property
    def _logs(self) -> CloudWatchLogsClient:
        return self._client("logs")  # type: ignore[no-any-return]

    @cached_property
    def _sts(self) -> STSClient:
        return self._client("sts")  # type: ignore[no-any-return]

    # Who asks

    @cached_property
    def _caller(self) -> GetCallerIdentityResponseTypeDef:
        with asking("sts GetCallerIdentity"):
            return self._sts.get_caller_identity()

    def check_account(self, function: str, topic: str) -> None:
        """Raise CloudError unless the caller is of the function's account, which the topic's ARN says."""
        if self._caller["Account"] != (account := topic.split(":")[4]):
            raise CloudError(
                f"the credentials are of account {self._caller['Account']}, but {function} is in {account}: "
                "use the credentials that Pulumi's AWS provider uses"
            )

    # What is seen

    def look(self, target: Target, notes: Notes) -> Observation:
        self.check_account(target.function, target.topic)
        alias = self.alias(target.function, target.alias)
        records = self._ledger(target, notes.following)
        live, wanted = self.version(target.function, alias.version), self.version(target.function, target.version)
        seen = Observation(
            alias=alias,
            wanted=wanted,
            live=live,
            shifted=self.version(target.function, alias.shifted) if alias.shifted else None,
            ledger=tuple(sorted(records.values(), key=lambda each: each.created, reverse=True)),
            answered=not records and self._answered(target),
            notes=notes,
        )
        since = self._clock.now() - timedelta(minutes=target.minutes)
        if (followed := seen.followed) is not None:
            since = followed.created
        # A bucket of metrics may have begun a minute before its first call.
        traffic, (stable, canary) = self._counts(target, since - timedelta(minutes=1), *seen.compared)
        red = self._red(followed.alarms) if followed and followed.status.ended else frozenset()
        return replace(seen, stable=stable, canary=canary, traffic=traffic, red=red)

    def alias(self, function: str, name: str) -> Alias:
        """Where an alias sends its traffic now."""
        with asking("lambda GetAlias", f"alias {name} of {function}"):
            found = self._lambda.get_alias(FunctionName=function, Name=name)
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        shifted, weight = next(iter(weights.items()), (None, 0.0))  # Lambda takes one at most
        return Alias(found["FunctionVersion"], shifted, weight, found["RevisionId"])

    def version(self, function: str, number: str) -> Version:
        """A published version, by its number."""
        if (known := self._versions.get((function, number))) is None:
            with asking("lambda GetFunctionConfiguration", f"version {number} of {function}"):
                found = self._lambda.get_function_configuration(FunctionName=function, Qualifier=number)
            known = self._versions[function, number] = fingerprint.version(found)
        return known

    def _ledger(self, target: Target, following: str | None) -> dict[str, Deployment]:
        """Every record of the group by id: all of them at first, then those that may have changed."""
        known = self._records.get(target.group)
        if known is None:
            records = self._read(self._listed(target))
        else:
            # Beside the deployment that is followed none can be in flight, so there is no need to ask.
            new = {following} if following else self._listed(target, includeOnlyStatuses=IN_FLIGHT)
            records = known | self._read(new | {each.id for each in known.values() if not each.status.ended})
        if following is not None:
            if following not in records:
                raise Unavailable(f"CodeDeploy does not show deployment {following} yet")
            if (rollback := records[following].rollback) is not None:
                records |= self._read({rollback})
            records[following] = replace(records[following], canary=self._canary(following))
        self._records[target.group] = records
        return records

    def _listed(self, target: Target, **only: Any) -> set[str]:
        with asking("codedeploy ListDeployments", f"deployment group {target.group}"):
            pages = self._codedeploy.get_paginator("list_deployments").paginate(
                applicationName=target.application, deploymentGroupName=target.group, **only
            )
            return {id_ for page in pages for id_ in page["deployments"]}

    def _read(self, ids: Iterable[str]) -> dict[str, Deployment]:
        found: list[DeploymentInfoTypeDef] = []
        for some in _chunks(sorted(ids), 25):
            with asking("codedeploy BatchGetDeployments", f"deployments {', '.join(some)}"):
                found += self._codedeploy.batch_get_deployments(deploymentIds=some)["deploymentsInfo"]
        return {info["deploymentId"]: self._deployment(info) for info in found}

    def _deployment(self, info: DeploymentInfoTypeDef) -> Deployment:
        error, rollback = info.get("errorInformation", {}), info.get("rollbackInfo", {})
        return Deployment(
            id=info["deploymentId"],
            status=Status(info["status"]),
            created=self._clock.simulated(info["createTime"]),
            started=self._clock.simulated(info["startTime"]) if "startTime" in info else None,
            ended=self._clock.simulated(info["completeTime"]) if "completeTime" in info else None,
            entry=ledger.parse(info.get("description", "")),
            error=error.get("code", ""),
            message=error.get("message", ""),
            rollback=rollback.get("rollbackDeploymentId"),
            rolls_back=rollback.get("rollbackTriggeringDeploymentId"),
            alarms=tuple(alarm["name"] for alarm in info.get("overrideAlarmConfiguration", {}).get("alarms", [])),
        )

    def _canary(self, deployment: str) -> str | None:
        """The version that a deployment shifts to, once CodeDeploy can say."""
        if deployment not in self._canaries:
            about = f"deployment {deployment}"
            with asking("codedeploy GetDeploymentTarget", about, fine="DeploymentNotStartedException"):
                ids = self._codedeploy.list_deployment_targets(deploymentId=deployment).get("targetIds", [])
                for id_ in ids:
                    found = self._codedeploy.get_deployment_target(deploymentId=deployment, targetId=id_)
                    shift = found["deploymentTarget"]["lambdaTarget"]["lambdaFunctionInfo"]
                    self._canaries[deployment] = shift["targetVersion"]
        return self._canaries.get(deployment)

    def _answered(self, target: Target) -> bool:
        with asking("codedeploy ListTagsForResource", f"deployment group {target.group}"):
            tags = self._codedeploy.list_tags_for_resource(ResourceArn=self._group_arn(target))["Tags"]
        return any(tag.get("Key") == FIRST for tag in tags)

    def _group_arn(self, target: Target) -> str:
        _, partition, _, region, account, _ = target.topic.split(":", 5)
        return f"arn:{partition}:codedeploy:{region}:{account}:deploymentgroup:{target.application}/{target.group}"

    def _red(self, names: tuple[str, ...]) -> frozenset[str]:
        with asking("cloudwatch DescribeAlarms", f"alarms {', '.join(names)}"):
            found = self._cloudwatch.describe_alarms(AlarmNames=list(names), StateValue="ALARM")
        return frozenset(alarm["AlarmName"] for alarm in found["MetricAlarms"])

    def _counts(self, target: Target, since: datetime, *versions: str) -> tuple[int, list[Counts]]:
        """Invocations of the alias since then, and what each version did in its name.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        """
        alias = {"FunctionName": target.function, "Resource": f"{target.function}:{target.alias}"}
        queries = [_sum("traffic", "Invocations", alias)]
        for index, version in enumerate(versions):
            of_version = alias | {"ExecutedVersion": version}
            queries += [_sum(f"i{index}", "Invocations", of_version), _sum(f"e{index}", "Errors", of_version)]
        start, end = self._clock.real(since), self._clock.real(self._clock.now() + timedelta(minutes=1))
        sums: Counter[str] = Counter()
        with asking("cloudwatch GetMetricData", f"metrics of {target.function}"):
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=start, EndTime=end
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    sums[result["Id"]] += round(sum(result["Values"]))
        # Errors can arrive before the invocations that they are part of.
        pairs = [(sums[f"i{index}"], sums[f"e{index}"]) for index in range(len(versions))]
        return sums["traffic"], [Counts(max(invocations, errors), errors) for invocations, errors in pairs]

    # What is done

    def probe(self, target: Target, version: str) -> Answer:
        with asking("lambda Invoke", f"version {version} of {target.function}"):
            answer = self._lambda.invoke(FunctionName=target.function, Qualifier=version, Payload=target.probe)
            payload = answer["Payload"].read()
        return Answer(version, logs.failure(payload, raised="FunctionError" in answer))

    def record_first(self, target: Target, version: Version) -> None:
        at = f"{ledger.moment(self._clock.real(self._clock.now())):%Y-%m-%dT%H:%M:%SZ}"
        tag: TagTypeDef = {"Key": FIRST, "Value": f"version={version.number} fp={version.fingerprint} at={at}"}
        with asking("codedeploy TagResource", f"deployment group {target.group}"):
            self._codedeploy.tag_resource(ResourceArn=self._group_arn(target), Tags=[tag])

    def start(self, target: Target, policy: ReleasePolicy, stable: str, canary: Version) -> str:
        entry = ledger.Entry(
            fingerprint=canary.fingerprint,
            digest=canary.digest,
            contract=canary.contract,
            commit=ledger.revision(policy.commit),
            at=ledger.moment(self._clock.real(self._clock.now())),
            stable=stable,
            by=ledger.author(self._caller["Arn"]),
        )
        alarm = target.verdict_alarm(stable, canary.number, entry.at)
        queries = metric_queries(target.function, target.alias, stable, canary.number, policy.rule, target.minutes)
        with asking("cloudwatch PutMetricAlarm", f"alarm {alarm}"):
            self._cloudwatch.put_metric_alarm(
                AlarmName=alarm,
                AlarmDescription=f"Rolls {canary.number} of {target.function} back to {stable}: {entry}",
                AlarmActions=[target.topic],
                Metrics=[query.as_api() for query in queries],  # type: ignore[misc]
                **ALARM_SETTINGS,  # type: ignore[arg-type]
            )
        with asking("codedeploy CreateDeployment", f"{target.function} {stable} -> {canary.number}"):
            id_ = self._codedeploy_once.create_deployment(
                applicationName=target.application,
                deploymentGroupName=target.group,
                deploymentConfigName=target.curve,
                description=str(entry),
                revision={
                    "revisionType": "AppSpecContent",
                    "appSpecContent": {"content": _appspec(target, stable, canary)},
                },
                autoRollbackConfiguration={"enabled": True, "events": ROLLBACK_EVENTS},
                overrideAlarmConfiguration={
                    "enabled": True,
                    "ignorePollAlarmFailure": False,
                    "alarms": [{"name": alarm}, {"name": target.alarm}],
                },
            )["deploymentId"]
        self._canaries[id_] = canary.number
        return id_

    def stop(self, deployment: str) -> None:
        with asking(
            "codedeploy StopDeployment", f"deployment {deployment}", fine="DeploymentAlreadyCompletedException"
        ):
            self._codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)

    def point_alias(self, target: Target, seen: Alias, version: str) -> None:
        with asking("lambda UpdateAlias", f"alias {target.alias} of {target.function}"):
            self._lambda.update_alias(
                FunctionName=target.function,
                Name=target.alias,
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": {}},
                RevisionId=seen.revision,
            )

    def cause(self, target: Target, version: str, since: datetime) -> str | None:
        start = self._clock.real(since)
        with asking("logs FilterLogEvents", f"log group {target.log_group}"):
            if not (streams := self._streams(target, version, start)):
                return None
            pages = [
                self._logs.filter_log_events(
                    logGroupName=target.log_group,
                    logStreamNames=streams,
                    startTime=int(start.timestamp() * 1000),
                    filterPattern=pattern,
                )
                for pattern in logs.PATTERNS
            ]
        return logs.most_frequent(event["message"] for page in pages for event in page["events"])

    def _streams(self, target: Target, version: str, start: datetime) -> list[str]:
        """The streams of a version: Lambda names each by the day it began, the version and an id."""
        days = (self._clock.real(self._clock.now()).date() - start.date()).days + 1
        names = []
        for day in range(days):
            prefix = f"{start + timedelta(days=day):%Y/%m/%d}/[{version}]"
            found = self._logs.describe_log_streams(logGroupName=target.log_group, logStreamNamePrefix=prefix)
            names += [stream["logStreamName"] for stream in found["logStreams"]]
        return names[:MOST_STREAMS]

    def forget(self, target: Target) -> None:
        with asking("cloudwatch DeleteAlarms", f"verdict alarms of {target.function}"):
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=target.verdict_alarms)
            names = [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]
            for some in _chunks(names, 100):
                self._cloudwatch.delete_alarms(AlarmNames=some)


def _appspec(target: Target, stable: str, canary: Version) -> str:
    """https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html"""
    properties = {
        "Name": target.function,
        "Alias": target.alias,
        "CurrentVersion": stable,
        "TargetVersion": canary.number,
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    return json.dumps({"version": 0.0, "Resources": [{target.function: resource}]})


def _sum(id_: str, metric: str, dimensions: dict[str, str]) -> Any:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    stat = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": named}
    return {"Id": id_, "MetricStat": {"Metric": stat, "Period": 60, "Stat": "Sum"}}


def _chunks(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
