"""Reads what happened from AWS's own records: the alias, CodeDeploy's deployments, Lambda's metrics."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from rehearsal.environment.workspace import require_loopback
from rehearsal.observe import control

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from mypy_boto3_codedeploy.type_defs import DeploymentInfoTypeDef

# Names of calls that change nothing begin with these; AssumeRole is among them, by which another account is read.
READING = ("Get", "List", "Describe", "BatchGet", "Filter", "AssumeRole")
ANNOUNCING = "PutEvents"  # a refusal is announced (docs/events.md), and moves nothing
ERRORS, ANSWERED = ("AWS/Lambda", "Errors"), ("Strata", "AnsweredFaults")  # namespace and name of a metric
PERIOD = 60  # seconds in CloudWatch's unit; the local cloud's minute is shorter by its factor


@dataclass(frozen=True)
class Deployment:
    """CodeDeploy's record of one deployment that is not its own rollback."""

    id: str
    status: str
    error: str  # CodeDeploy's code, such as ALARM_ACTIVE; empty if there is none
    message: str
    stable: str  # the version it started from
    canary: str
    rollback: str | None  # the deployment that rolled it back


@dataclass(frozen=True)
class Errors:
    """The failed requests of an alias over a window. Lambda's Errors: all, and by executed version while two versions
    served; and `answered`, which Lambda does not count: the faults that each version answered in good order."""

    total: int
    by_version: dict[str, int]
    answered: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FunctionState:
    """The state of one function at one moment."""

    live: str | None  # the version with all traffic; None if there is no alias, or its traffic is split
    deployments: tuple[Deployment, ...]  # newest first


_MAKING = threading.Lock()  # a client can be used by any thread, but two must not be made at once


@cache
def _client(service: str, endpoint: str, account: str, region: str) -> Any:
    make: Any = boto3.client  # services are names here, the stubs want literals
    return make(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=account,
        aws_secret_access_key="local",  # noqa: S106  the local cloud takes any
        config=Config(retries={"mode": "standard"}, s3={"addressing_style": "path"}),
    )


class AwsRecords:
    """The clients of one account of the local cloud, and the queries of a rehearsal."""

    def __init__(self, endpoint: str, account: str, region: str) -> None:
        require_loopback(endpoint)
        self.endpoint, self.account, self.region = endpoint, account, region

    def client(self, service: str) -> Any:
        """Return a boto3 client of that service, made once for an account: the first of a service takes a tenth of a
        second of a processor."""
        with _MAKING:
            return _client(service, self.endpoint, self.account, self.region)

    def observe(self, target: dict[str, str]) -> FunctionState:
        """Return the state of a release's target."""
        return FunctionState(
            self.live(target["function"], target["alias"]), self.deployments(target["application"], target["group"])
        )

    def live(self, function: str, alias: str) -> str | None:
        """Return the version with all of the alias's traffic; None if there is no alias, or its traffic is split."""
        client = self.client("lambda")
        try:
            answer = client.get_alias(FunctionName=function, Name=alias)
        except client.exceptions.ResourceNotFoundException:
            return None
        if answer.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            return None
        version: str = answer["FunctionVersion"]
        return version

    def deployments(self, application: str, group: str) -> tuple[Deployment, ...]:
        """Return CodeDeploy's records of that group, newest first, without its rollbacks, which each record names."""
        client = self.client("codedeploy")
        pages = client.get_paginator("list_deployments").paginate(
            applicationName=application, deploymentGroupName=group
        )
        ids = [id_ for page in pages for id_ in page["deployments"]]
        infos = [client.get_deployment(deploymentId=id_)["deploymentInfo"] for id_ in ids]
        infos.sort(key=lambda info: info["createTime"], reverse=True)
        return tuple(self._deployment(client, info) for info in infos if info.get("creator") != "codeDeployRollback")

    def _deployment(self, client: Any, info: "DeploymentInfoTypeDef") -> Deployment:
        id_ = info["deploymentId"]
        targets = client.list_deployment_targets(deploymentId=id_)["targetIds"]
        found = client.batch_get_deployment_targets(deploymentId=id_, targetIds=targets)["deploymentTargets"]
        function = found[0]["lambdaTarget"]["lambdaFunctionInfo"] if found else {}
        error = info.get("errorInformation", {})
        return Deployment(
            id=id_,
            status=info["status"],
            error=error.get("code", ""),
            message=error.get("message", ""),
            stable=function.get("currentVersion", ""),
            canary=function.get("targetVersion", ""),
            rollback=info.get("rollbackInfo", {}).get("rollbackDeploymentId"),
        )

    def release_changes(self, since: float) -> tuple[str, ...]:
        """Return the release engine's calls since then (seconds since the epoch) that change something."""
        calls = control.read(self.endpoint, f"calls?since={since}")["calls"]
        return tuple(
            f"{one['service']} {one['action']}"
            for one in calls
            if "strata-release" in one["user_agent"] and not one["action"].startswith((*READING, ANNOUNCING))
        )

    def digests(self, function: str) -> dict[str, str]:
        """Return the CodeSha256 of each published version of a function."""
        pages = self.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=function)
        versions = [each for page in pages for each in page["Versions"]]
        return {each["Version"]: each["CodeSha256"] for each in versions if each["Version"] != "$LATEST"}

    def errors(self, function: str, alias: str, start: float, end: float) -> Errors:
        """Return the failures over [start, end), in seconds since the epoch, both at the start of a metric period.

        The metric of answered faults is the app's own, with Lambda's dimensions: docs/services.md.
        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        """
        versions = list(self.digests(function))
        queries = [_sum("total", ERRORS, function, alias)]
        for one in versions:
            queries += [_sum(f"v{one}", ERRORS, function, alias, one), _sum(f"a{one}", ANSWERED, function, alias, one)]
        answer = self.client("cloudwatch").get_metric_data(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
        )
        sums = {result["Id"]: round(sum(result["Values"])) for result in answer["MetricDataResults"]}
        by_version, answered = ({one: sums[f"{kind}{one}"] for one in versions} for kind in "va")
        return Errors(sums["total"], by_version, answered)


def _sum(
    id_: str, metric: tuple[str, str], function: str, alias: str, executed: str | None = None
) -> "MetricDataQueryTypeDef":
    dimensions = [("FunctionName", function), ("Resource", f"{function}:{alias}")]
    if executed is not None:
        dimensions.append(("ExecutedVersion", executed))
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": metric[0],
                "MetricName": metric[1],
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
            },
            "Period": PERIOD,
            "Stat": "Sum",
        },
    }


def newest(before: Sequence[Deployment], after: Sequence[Deployment]) -> Deployment | None:
    """Return the newest deployment that `before` does not have; None if there is none."""
    known = {one.id for one in before}
    return next((one for one in after if one.id not in known), None)
