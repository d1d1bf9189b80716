"""Whether Lambda reports ExecutedVersion for an alias without weights, which no page of AWS says.

If it does, the verdict's stable sums hold minutes from before the canary: see "before" in docs/verdict.md for what that
costs and for the way out.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.aws import made

MINUTES = 15  # how late users report metrics to be, at most
CALLS = 20


def invocations(session: Any, name: str, dimensions: dict[str, str]) -> float:
    """How many CloudWatch knows of, in the last half hour."""
    now = datetime.now(UTC)
    found = session.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": key, "Value": value} for key, value in {"FunctionName": name, **dimensions}.items()],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def test_an_alias_without_weights_reports_no_executed_version(
    session: Any, undo: list[Any], record_property: Callable[[str, object], None]
) -> None:
    """Does Lambda leave ExecutedVersion out for an alias without weights?"""
    role = made.role(session, undo, "lambda.amazonaws.com")
    name = made.alias(session, made.function(session, undo, role))
    functions, alias = session.client("lambda"), {"Resource": f"{name}:live"}
    for _ in range(CALLS):
        functions.invoke(FunctionName=name, Qualifier="live")["Payload"].read()
    seen = f"CloudWatch has not shown {CALLS} invocations"
    made.until(lambda: invocations(session, name, alias) >= CALLS, MINUTES, seen)
    by_version = invocations(session, name, {**alias, "ExecutedVersion": "1"})
    record_property("answer", f"{by_version:g} of {CALLS} invocations carry ExecutedVersion")
    assert by_version == 0, (
        "Lambda reports ExecutedVersion without weights: the verdict's window holds minutes from before the canary; "
        "take the way out in docs/verdict.md, and `make cloud` with --executed-version-always"
    )
