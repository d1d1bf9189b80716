"""A canary that answers faults in good order, which Lambda does not count, is judged by the metric that counts them."""

import re
from dataclasses import replace
from pathlib import Path

from infra.answered import METRIC, NAMESPACE
from infra.release.cli.reader import Reader
from infra.release.cli.session import Session
from infra.release.engine.runner import run
from infra.release.model.outcome import Ending, Outcome
from local.tests.cloud.conftest import REGION
from tests.cloud.test_release_engine import POLICY, World, cloud, live, world

__all__ = ["cloud", "live", "world"]  # fixtures

COUNTED = (Path(__file__).resolve().parents[2] / "app/orders/answered.py").read_text()
HALF = f"""{COUNTED}

import random

@counted
def handler(event, context):
    if event == "probe" or random.random() < 0.5:
        return {{"statusCode": 200}}
    return {{"statusCode": 500}} if random.random() < 0.5 else {{"batchItemFailures": [{{"itemIdentifier": "1"}}]}}
"""
BOTH = f"""{COUNTED}

@counted
def handler(event, context):
    if event == "raise":
        raise ValueError("no such order")
    return {{"statusCode": 503}}
"""


def release(live: World, version: str, *, answered: bool) -> Outcome:
    target = replace(live.target(version), answered=answered)
    return run([target], POLICY, live.aws, live.clock, lambda _: None)["orders"]


def drawn_errors(live: World, version: str, *, answered: bool) -> int:
    """Return the version's errors in the chart that the viewer draws."""
    target = replace(live.target(version), answered=answered)
    session = Session("prod", REGION, (target,), POLICY, live.clock)
    [shown] = Reader("prod", "", lambda *_: session).read().functions
    return sum(sum(each.errors) for each in shown.chart.series if each.version == version)


def test_a_version_that_answers_half_of_its_requests_with_faults_is_rolled_back(live: World) -> None:
    version = live.functions.publish(HALF)
    with live.traffic():
        end = release(live, version, answered=True)
    assert (end.ending, end.reason) == (Ending.ROLLED_BACK, "verdict")
    assert live.alias() == "1"
    assert re.search(rf"canary {version}: [1-9]\d* errors in", end.detail), end.detail
    assert live.release(version).reason == "rejected"
    assert drawn_errors(live, version, answered=True) > 0, "the charts have the errors that the verdict has"
    assert drawn_errors(live, version, answered=False) == 0


def test_where_answered_faults_do_not_count_the_same_version_is_promoted_though_it_counts_them(live: World) -> None:
    version = live.functions.publish(HALF)
    with live.traffic():
        assert release(live, version, answered=False).ending is Ending.PROMOTED
    assert live.cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName=METRIC)["Metrics"] != []


def test_a_request_is_counted_once_whether_its_fault_is_raised_or_answered(live: World) -> None:
    version = live.functions.publish(BOTH)
    live.functions.alias("1", {version: 1.0})
    for event in ("raise", "answer", "answer"):
        live.functions.invoke(event)
    dimensions = {"FunctionName": "orders", "Resource": "orders:live", "ExecutedVersion": version}
    sums = {}
    for namespace, name in (("AWS/Lambda", "Invocations"), ("AWS/Lambda", "Errors"), (NAMESPACE, METRIC)):
        named = [{"Name": each, "Value": value} for each, value in dimensions.items()]
        found = live.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=named,
            Statistics=["Sum"],
            Period=60,
            StartTime=live.clock.real(live.clock.now()).timestamp() - 300,
            EndTime=live.clock.real(live.clock.now()).timestamp() + 300,
        )["Datapoints"]
        sums[name] = sum(each["Sum"] for each in found)
    assert sums == {"Invocations": 3, "Errors": 1, METRIC: 2}
