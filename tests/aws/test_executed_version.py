"""Whether Lambda reports ExecutedVersion for an alias without weights, which no page of AWS says.

If it does, the verdict's stable sums hold minutes from before the canary: see "before" in docs/verdict.md for what that
costs and for the way out.
"""

import io
import json
import os
import time
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

MINUTES = 15  # how late users report metrics to be, at most
CALLS = 20
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def bundle() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return context.function_version\n")
    return buffer.getvalue()


def created(session: Any, undo: list[Any]) -> str:
    """A function with version 1 behind an alias `live` without weights."""
    name = f"strata-test-{uuid.uuid4().hex[:8]}"
    iam, functions = session.client("iam"), session.client("lambda")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    undo.append(lambda: iam.delete_role(RoleName=name))
    deadline = time.monotonic() + 60
    while True:  # a new role is not known to Lambda at once
        try:
            functions.create_function(
                FunctionName=name,
                Role=role,
                Runtime="python3.11",
                Handler="main.handler",
                Code={"ZipFile": bundle()},
                Publish=True,
            )
            break
        except functions.exceptions.InvalidParameterValueException:
            if time.monotonic() > deadline:
                raise
            time.sleep(3)
    undo.append(lambda: functions.delete_function(FunctionName=name))
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name


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


def test_an_alias_without_weights_reports_no_executed_version(session: Any, undo: list[Any]) -> None:
    name = created(session, undo)
    functions = session.client("lambda")
    for _ in range(CALLS):
        functions.invoke(FunctionName=name, Qualifier="live")["Payload"].read()
    minute = 60 / float(os.environ.get("STRATA_CLOCK_RATE", "1"))
    deadline = time.monotonic() + MINUTES * minute
    alias = {"Resource": f"{name}:live"}
    while invocations(session, name, alias) < CALLS:
        assert time.monotonic() < deadline, f"CloudWatch has not shown {CALLS} invocations within {MINUTES} minutes"
        time.sleep(minute / 4)
    assert invocations(session, name, {**alias, "ExecutedVersion": "1"}) == 0, (
        "Lambda reports ExecutedVersion without weights: the verdict's window holds minutes from before the canary; "
        "take the way out in docs/verdict.md, and `make cloud` with --executed-version-always"
    )
