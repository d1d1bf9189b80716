"""The dashboard on the local cloud: PutDashboard took it, and each metric that it names is there after a release."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal import commits
from tests.rehearsal.stage import Stage

SEARCH = re.compile(r"SEARCH\('\{(?P<namespace>[^,]+),(?P<dimensions>[^}]+)\} (?P<terms>.+)', '\w+', 60\)")
TERM = re.compile(r'(\w+)="([^"]+)"')

Metric = tuple[str, str, tuple[tuple[str, str], ...]]


def named(body: Any) -> Iterator[tuple[str, Metric | re.Match[str]]]:
    """Yield each metric, and each search for some, with the title of its graph."""
    for widget in body["widgets"]:
        for line in widget["properties"].get("metrics", ()):
            title = widget["properties"]["title"]
            if len(line) > 1:
                pairs = [each for each in line if isinstance(each, str)]
                namespace, metric, *dimensions = pairs
                yield title, (namespace, metric, tuple(zip(dimensions[::2], dimensions[1::2], strict=True)))
            elif found := SEARCH.fullmatch(line[0]["expression"]):
                yield title, found


def found(stage: Stage, wanted: Metric | re.Match[str]) -> bool:
    """Whether CloudWatch has the metric, or one that the search finds."""
    client = stage.sandbox.aws.client("cloudwatch")
    if isinstance(wanted, re.Match):
        terms = dict(TERM.findall(wanted["terms"]))
        metric, namespace = terms.pop("MetricName"), wanted["namespace"]
        names = [{"Name": name} for name in wanted["dimensions"].split(",")]
        dimensions = [{"Name": name, "Value": value} for name, value in terms.items()]
        dimensions += [each for each in names if each["Name"] not in terms]
    else:
        namespace, metric, pairs = wanted
        dimensions = [{"Name": name, "Value": value} for name, value in pairs]
    listed = client.list_metrics(Namespace=namespace, MetricName=metric, Dimensions=dimensions)["Metrics"]
    return any(len(each["Dimensions"]) == len(dimensions) for each in listed)


@pytest.mark.faults
def test_each_metric_of_the_dashboard_is_there_after_a_release(stage: Stage) -> None:
    stage.sandbox.apply(commits.ANSWERED)
    with stage.traffic():
        said = stage.up()
    assert "rolled back (verdict)" in said.text, said.text
    client = stage.sandbox.aws.client("cloudwatch")
    body = json.loads(client.get_dashboard(DashboardName=stage.sandbox.outputs()["dashboard"])["DashboardBody"])
    wanted = list(named(body))
    assert {"IteratorAge", "Throttles", "AnsweredFaults"} <= {each[1] for _, each in wanted if isinstance(each, tuple)}
    assert [f"{title}: {each}" for title, each in wanted if not (found(stage, each) or idle(title, each))] == []


def idle(title: str, wanted: Metric | re.Match[str]) -> bool:
    """Whether a metric is of what fulfilment has not had in this stack: a canary, or a fault that it answered."""
    metric = wanted[0] if isinstance(wanted, re.Match) else str(wanted)
    return "fulfilment" in title and ("ExecutedVersion" in metric or "AnsweredFaults" in metric)
