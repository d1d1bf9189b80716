"""What a function prints in the embedded metric format is a metric, in both languages' runtimes."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import Functions

PRINTS = """
import json
import time

def handler(event, context):
    at = round((time.time() - event["days"] * 86400) * 1000)
    about = {"Namespace": "Shop", "Dimensions": [["Service"], []], "Metrics": [{"Name": "Sold", "Unit": "Count"}]}
    event = {"_aws": {"Timestamp": at, "CloudWatchMetrics": [about]}, "Service": "orders", "Sold": event["sold"]}
    print(json.dumps(event))
"""
WRITES = """
export const handler = async (event) => {
  const about = { Namespace: "Shop", Dimensions: [["Service"], []], Metrics: [{ Name: "Sold", Unit: "Count" }] };
  const at = Date.now() - event.days * 86400000;
  const document = { _aws: { Timestamp: at, CloudWatchMetrics: [about] }, Service: "orders", Sold: event.sold };
  process.stdout.write(JSON.stringify(document) + "\\n");
};
"""


def total(client: Callable[[str], Any], namespace: str, name: str, **dimensions: str) -> float:
    found = client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistics=["Sum"],
        Period=40 * 86_400,
        StartTime=time.time() - 30 * 86_400,
        EndTime=time.time() + 86_400,
    )["Datapoints"]
    return float(sum(each["Sum"] for each in found))


@pytest.mark.parametrize(("source", "runtime"), [(PRINTS, "python3.11"), (WRITES, "nodejs22.x")])
def test_a_printed_line_is_a_metric_and_stays_in_the_log(
    functions: Functions, client: Callable[[str], Any], source: str, runtime: str
) -> None:
    functions.create(source, Runtime=runtime)
    for sold in (2, 3):
        functions.invoke({"sold": sold, "days": 0}, qualifier="1")
    assert total(client, "Shop", "Sold", Service="orders") == 5
    assert total(client, "Shop", "Sold") == 5
    events = client("logs").filter_log_events(logGroupName="/aws/lambda/orders", filterPattern='"Sold"')["events"]
    assert len(events) == 2


@pytest.mark.parametrize("event", [{"sold": "2", "days": 0}, {"sold": 2, "days": 15}], ids=["no number", "too old"])
def test_a_wrong_line_is_no_metric_and_is_counted(
    functions: Functions, client: Callable[[str], Any], event: dict[str, Any]
) -> None:
    functions.create(PRINTS)
    functions.invoke(event, qualifier="1")
    assert client("cloudwatch").list_metrics(Namespace="Shop")["Metrics"] == []
    assert total(client, "AWS/Logs", "EMFValidationErrors", LogGroupName="/aws/lambda/orders") == 1
