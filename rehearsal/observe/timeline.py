"""Reads what each service's versions did in a step of a rehearsal, by simulated minute, and when traffic moved."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.release.model.lifecycle import SHIFT
from infra.release.reports.page.model import Chart
from infra.release.reports.timeline import Counted, Moves, series
from rehearsal.observe.aws_records import PERIOD, AwsRecords, Deployment, FunctionState, newest

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

ALIAS = "alias"
LAMBDA = "AWS/Lambda"
METRICS = {"Invocations": LAMBDA, "Errors": LAMBDA, "AnsweredFaults": "Strata"}
"""Namespaces by metric. The last is the app's own: faults that it answers in good order, which Lambda does not count
among the errors. docs/services.md shows it."""
NOTHING = FunctionState(None, ())


def charts(
    aws: AwsRecords,
    targets: Mapping[str, Mapping[str, str]],
    before: Mapping[str, FunctionState],
    after: Mapping[str, FunctionState],
    span: tuple[float, float, float],
) -> tuple[Chart, ...]:
    """Return a chart for each service that was called in a step.

    span: the step's beginning and end in seconds since the epoch, both at the start of a metric period, and the real
    seconds of a simulated minute.
    """
    found = (
        _chart(aws, (service, target), before.get(service, NOTHING), after.get(service, NOTHING), span)
        for service, target in targets.items()
    )
    return tuple(each for each in found if each.bars)


def _chart(
    aws: AwsRecords,
    of: tuple[str, Mapping[str, str]],
    before: FunctionState,
    after: FunctionState,
    span: tuple[float, float, float],
) -> Chart:
    (service, target), (start, end, bucket) = of, span
    deployment = newest(before.deployments, after.deployments)
    moves = _moves(aws, deployment, start, bucket) if deployment else None
    versions = (moves.stable, moves.canary) if moves else ()
    alias, *of_versions = _counted(aws, target, versions, span)
    live = before.live or after.live or "not known"
    counted = dict(zip(versions, of_versions, strict=True))
    shown = series(alias, counted, moves, math.ceil((end - start) / bucket), only=live)
    when = f"{datetime.fromtimestamp(start, UTC):%H:%M:%S} UTC, where a minute takes {bucket:.3g} s"
    return Chart(service, when, shown, moves.marks() if moves else ())


def _moves(aws: AwsRecords, deployment: Deployment, start: float, bucket: float) -> Moves:
    client = aws.client("codedeploy")

    def minute(at: datetime | None) -> float | None:
        return (at.timestamp() - start) / bucket if at else None

    info = client.get_deployment(deploymentId=deployment.id)["deploymentInfo"]
    back = client.get_deployment(deploymentId=deployment.rollback)["deploymentInfo"] if deployment.rollback else {}
    events = {event["lifecycleEventName"]: event for event in _events(client, deployment.id)}
    shift = events.get(SHIFT, {})
    done = shift.get("status") == "Succeeded"
    return Moves(
        stable=deployment.stable,
        canary=deployment.canary,
        created=minute(info["createTime"]) or 0.0,
        shifting=minute(shift.get("startTime")),
        shifted=minute(shift.get("endTime")) if done else None,
        ended=minute(info.get("completeTime")),
        failed=info["status"] in {"Failed", "Stopped"},
        error=deployment.error,
        back=minute(back.get("completeTime")),
    )


def _events(client: Any, deployment: str) -> Iterator[Mapping[str, Any]]:
    targets = client.list_deployment_targets(deploymentId=deployment)["targetIds"]
    found = client.batch_get_deployment_targets(deploymentId=deployment, targetIds=targets)["deploymentTargets"]
    for each in found:
        yield from each["lambdaTarget"].get("lifecycleEvents", ())


def _counted(
    aws: AwsRecords, target: Mapping[str, str], versions: tuple[str, ...], span: tuple[float, float, float]
) -> list[Counted]:
    """Return the counts of the alias, then of each version, by minute of the step. Answered faults are errors, where
    the service counts them so."""
    start, end, bucket = span
    names = (ALIAS, *versions)
    metrics = [each for each, namespace in METRICS.items() if namespace == LAMBDA or target.get("answered")]
    answer = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[_query(metric, target, name) for name in names for metric in metrics],
        StartTime=datetime.fromtimestamp(start, UTC),
        EndTime=datetime.fromtimestamp(end, UTC),
    )
    found = {
        result["Id"]: {
            round((at.timestamp() - start) / bucket): value
            for at, value in zip(result["Timestamps"], result["Values"], strict=True)
        }
        for result in answer["MetricDataResults"]
    }

    def counted(name: str) -> Counted:
        requests, *errors = (found.get(f"{metric.lower()}_{name}", {}) for metric in METRICS)
        return Counted(requests, sum(map(Counter, errors), Counter()))

    return [counted(name) for name in names]


def _query(metric: str, target: Mapping[str, str], name: str) -> "MetricDataQueryTypeDef":
    dimensions = {"FunctionName": target["function"], "Resource": f"{target['function']}:{target['alias']}"}
    of_version = dimensions | ({} if name == ALIAS else {"ExecutedVersion": name})
    return {
        "Id": f"{metric.lower()}_{name}",
        "MetricStat": {
            "Metric": {
                "Namespace": METRICS[metric],
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in of_version.items()],
            },
            "Period": PERIOD,
            "Stat": "Sum",
        },
    }
