"""The dashboard: stable and canary apart, the verdict's statistic beside its limit, and what else may go wrong."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infra import dashboard
from infra.answered import ANSWERED
from infra.naming import AwsLocation, Names
from infra.release.verdict.metric_math import statistic_queries
from infra.release.verdict.rule import Rule
from infra.services import Service, ServiceError
from infra.services.model import Queue, Stream
from tests.layers.recorder import ACCOUNT, REGION

NAMES = Names("strata", "prod")
PLACE = AwsLocation("aws", REGION, ACCOUNT)
FUNCTION = "strata-prod-orders"
ORDERS = Service(name="orders")
VERSION = "8"


def body(*services: Service, rule: Rule | None = None, place: AwsLocation = PLACE, api: bool = False) -> Any:
    shown = services or (ORDERS,)
    rules = {each.name: rule or Rule() for each in shown}
    versions = {each.name: VERSION for each in shown}
    return dashboard.body(NAMES, place, shown, rules=rules, versions=versions, api=api)


def widgets(kind: str, *services: Service, rule: Rule | None = None) -> list[dict[str, Any]]:
    return [each["properties"] for each in body(*services, rule=rule)["widgets"] if each["type"] == kind]


def graph(title: str, *services: Service, rule: Rule | None = None) -> dict[str, Any]:
    (found,) = [each for each in widgets("metric", *services, rule=rule) if each["title"].startswith(title)]
    return found


def titles(service: Service) -> list[str]:
    return [each["title"].partition(":")[0] for each in widgets("metric", service)]


def expressions(found: dict[str, Any]) -> dict[str, str]:
    """The expressions of a graph by their ids; a search has none."""
    lines = [line[-1] for line in found["metrics"] if isinstance(line[-1], dict)]
    return {line.get("id", "search"): line["expression"] for line in lines if "expression" in line}


def test_the_alarms_of_an_api_are_first() -> None:
    shown = body(api=True)["widgets"][0]
    assert (shown["type"], shown["properties"]["title"]) == ("alarm", "Alarms of the API")
    named = [arn.rpartition(":")[2] for arn in shown["properties"]["alarms"]]
    assert named == [NAMES.api_alarm("5xx"), NAMES.api_alarm("latency")]
    assert body(api=True)["widgets"][1:] == body()["widgets"]


@pytest.mark.parametrize(
    ("title", "metric"), [("Requests", "Invocations"), ("Errors", "Errors"), ("Duration", "Duration")]
)
def test_each_version_of_the_alias_has_a_line_of_its_own_beside_the_whole(title: str, metric: str) -> None:
    found = graph(title)
    search = expressions(found)["search"]
    assert search.startswith("SEARCH('{AWS/Lambda,ExecutedVersion,FunctionName,Resource} ")
    assert f'FunctionName="{FUNCTION}" Resource="{FUNCTION}:live" MetricName="{metric}"' in search
    assert ["AWS/Lambda", metric, "FunctionName", FUNCTION, "Resource", f"{FUNCTION}:live"] in [
        line[:6] for line in found["metrics"]
    ]
    assert found["region"] == REGION


def test_a_release_is_marked_by_the_minutes_in_which_two_versions_have_traffic() -> None:
    """CloudWatch's vertical annotations are fixed times, which a body that is written before a release cannot know."""
    found = graph("Requests")
    visible = [line[-1] for line in found["metrics"] if line[-1].get("yAxis") == "right" and line[-1]["visible"]]
    assert [each["label"] for each in visible] == [f"traffic is shared with version {VERSION}"]
    assert "vertical" not in json.dumps(body())


@pytest.mark.parametrize("rule", [Rule(), Rule(statistic="z"), Rule(forgiven=2)])
def test_the_statistic_is_that_of_the_verdict_beside_its_limit(rule: Rule) -> None:
    found = graph("Errors", rule=rule)
    queries = statistic_queries(FUNCTION, "live", VERSION, rule)
    wanted = {each.id: each.expression for each in queries if each.expression is not None}
    assert {name: text for name, text in expressions(found).items() if name != "search"} == wanted
    visible = [line[-1]["label"] for line in found["metrics"] if line[-1].get("id") and line[-1]["visible"]]
    assert visible == [f"z of version {VERSION}"]
    (limit,) = found["annotations"]["horizontal"]
    assert (limit["value"], limit["yAxis"]) == (rule.z, "right")


def test_a_long_time_is_drawn_by_minutes_too_of_which_the_statistic_is_made() -> None:
    assert body()["periodOverride"] == "inherit"
    assert {each["period"] for each in widgets("metric")} == {60}


def test_duration_has_three_percentiles() -> None:
    stats = [line[-1]["stat"] for line in graph("Duration")["metrics"] if "stat" in line[-1]]
    assert stats == ["p50", "p95", "p99"]


def test_a_service_has_only_the_graphs_of_what_it_has() -> None:
    usual = ["Requests by version", "Errors by version, and the verdict", "Duration, milliseconds", "Throttles"]
    assert titles(ORDERS) == usual
    assert titles(replace(ORDERS, errors=ANSWERED)) == [*usual, "Answered faults by version"]
    assert titles(replace(ORDERS, queue=Queue())) == [*usual, "Dead letters"]
    assert titles(replace(ORDERS, stream=Stream())) == [*usual, "Stream lag, milliseconds", "Dead letters"]


def test_answered_faults_count_in_the_statistic_too() -> None:
    found = graph("Errors", replace(ORDERS, errors=ANSWERED))
    assert [line[:2] for line in found["metrics"]].count(["Strata", "AnsweredFaults"]) == 2
    assert "all_answered" in expressions(found)["e1"]
    assert "canary_answered" in expressions(found)["e2"]


def test_the_lag_and_the_dead_letters_are_those_of_the_service() -> None:
    service = replace(ORDERS, stream=Stream())
    assert graph("Stream lag", service)["metrics"][0][:4] == ["AWS/Lambda", "IteratorAge", "FunctionName", FUNCTION]
    line = graph("Dead letters", service)["metrics"][0]
    assert line[:4] == ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", NAMES.dead_letters("orders")]


def test_no_two_lines_of_a_graph_have_one_id() -> None:
    for found in widgets("metric", replace(ORDERS, errors=ANSWERED, stream=Stream())):
        ids = [line[-1]["id"] for line in found["metrics"] if "id" in line[-1]]
        assert len(ids) == len(set(ids))


def test_the_alarms_are_those_of_the_alias_and_of_its_dead_letters() -> None:
    (shown,) = widgets("alarm", replace(ORDERS, queue=Queue()))
    assert [arn.rpartition(":")[2] for arn in shown["alarms"]] == [
        *(f"{FUNCTION}-live-{kind}" for kind in ("errors", "throttles")),
        NAMES.dead_letters("orders"),
    ]


def test_it_links_to_deployments_versions_and_logs() -> None:
    (text,) = widgets("text")
    assert "/codedeploy/applications/strata-prod/deployment-groups/strata-prod-orders?" in text["markdown"]
    assert "/functions/strata-prod-orders/aliases/live" in text["markdown"]
    assert "/log-group/$252Faws$252Flambda$252Fstrata-prod-orders" in text["markdown"]


def test_the_links_of_another_partition_lead_to_its_own_console() -> None:
    found = json.dumps(body(place=AwsLocation("aws-cn", "cn-north-1", ACCOUNT)))
    assert "https://cn-north-1.console.amazonaws.cn/" in found
    assert "console.aws.amazon.com" not in found


def test_more_services_than_a_dashboard_has_room_for_are_refused_before_anything_is_declared() -> None:
    def services(number: int) -> list[Service]:
        return [Service(name=f"service{each:02}", stream=Stream()) for each in range(number)]

    assert len(body(*services(62))["widgets"]) == 496
    dashboard.require_room(NAMES, services(62), api=True)
    with pytest.raises(ServiceError) as caught:
        dashboard.require_room(NAMES, services(63), api=False)
    assert caught.value.mistakes == (
        "app/ has 63 services, whose dashboard would have 504 widgets, and CloudWatch takes 500; move some into a "
        "project of their own",
    )
