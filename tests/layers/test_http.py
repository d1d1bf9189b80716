"""The API that a stack puts on the internet: CORS, a name of its own, and alarms on what callers see."""

from typing import Any

import pytest
from pulumi import Output

from infra.config import ApiAlarms, ApiConfig, Cors, Domain, ObservabilityConfig
from infra.contracts import ApiOutputs
from infra.layers.http import Http
from infra.layers.observability import Observability, api_errors, api_latency
from infra.naming import AwsLocation, Names
from tests.layers.recorder import ACCOUNT, REGION, Declared, Recorder, known, record
from tests.layers.test_observability import value

NAMES, PLACE = Names("strata", "prod"), AwsLocation("aws", REGION, ACCOUNT)
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0a1b2c3d-0000-4000-8000-000000000001"
made: list[Http] = []


def declare(config: ApiConfig | None = None) -> Recorder:
    def program() -> None:
        made[:] = [Http("http", names=NAMES, config=config or ApiConfig(), services=[], functions={})]

    return record(program)


def with_domain(zone: str | None = None) -> Recorder:
    return declare(ApiConfig(domain=Domain("api.example.com", CERTIFICATE, zone)))


def alarm(kind: str, config: ApiAlarms | None = None) -> Declared:
    def program() -> None:
        api = ApiOutputs(*(Output.from_input(each) for each in ("a1b2c3d4e5", "$default", "https://api.example.com")))
        own = ObservabilityConfig(api=config or ApiAlarms())
        Observability("observability", names=NAMES, place=PLACE, config=own, functions={}, dashboard_body="{}", api=api)

    return record(program).named(f"observability-api-{kind}")


def test_by_default_the_api_answers_at_its_own_address_and_to_no_page_of_another_origin() -> None:
    assert declare().one("apigatewayv2/api:Api").inputs == {"name": "strata-prod", "protocolType": "HTTP"}
    assert known(made[0].outputs.url) == "https://api.example.com"  # the recorder's execute-api address


def test_the_api_answers_browsers_as_the_stack_says() -> None:
    cors = Cors(("https://shop.example.com",), ("GET",), ("x-a",), ("x-b",), True, 30)
    assert declare(ApiConfig(cors=cors)).one("apigatewayv2/api:Api").inputs["corsConfiguration"] == {
        "allowOrigins": ["https://shop.example.com"],
        "allowMethods": ["GET"],
        "allowHeaders": ["x-a"],
        "exposeHeaders": ["x-b"],
        "allowCredentials": True,
        "maxAge": 30,
    }


def test_with_a_domain_the_api_is_reached_by_that_name_alone() -> None:
    recorded = with_domain()
    assert recorded.one("apigatewayv2/api:Api").inputs["disableExecuteApiEndpoint"] is True
    assert recorded.one("apigatewayv2/domainName:DomainName").inputs == {
        "domainName": "api.example.com",
        "domainNameConfiguration": {
            "certificateArn": CERTIFICATE,
            "endpointType": "REGIONAL",
            "securityPolicy": "TLS_1_2",
        },
    }
    mapping = recorded.one("apigatewayv2/apiMapping:ApiMapping").inputs
    assert mapping == {"apiId": "http-api-id", "domainName": "http-domain-id", "stage": "$default"}
    assert known(made[0].outputs.url) == "https://api.example.com"


def test_without_a_zone_the_record_is_the_operators() -> None:
    assert with_domain().of("route53/record:Record") == []


def test_with_a_zone_the_name_is_an_alias_of_the_domains_target() -> None:
    record_ = with_domain("Z0ABC").one("route53/record:Record").inputs
    assert (record_["zoneId"], record_["name"], record_["type"]) == ("Z0ABC", "api.example.com", "A")
    assert "http-domain" in with_domain("Z0ABC").one("route53/record:Record").after


@pytest.mark.parametrize(("kind", "metric", "stat"), [("5xx", "5xx", "Sum"), ("latency", "Latency", "p99")])
def test_an_alarm_watches_the_api_as_a_whole_and_notifies_the_topic(kind: str, metric: str, stat: str) -> None:
    inputs = alarm(kind).inputs
    metrics: list[Any] = [each["metric"] for each in inputs["metricQueries"] if "metric" in each]
    assert [(each["metricName"], each["stat"]) for each in metrics] == [("Count", "SampleCount"), (metric, stat)]
    assert {(each["namespace"], each["period"]) for each in metrics} == {("AWS/ApiGateway", 60)}
    assert all(each["dimensions"] == {"ApiId": "a1b2c3d4e5", "Stage": "$default"} for each in metrics)
    assert (inputs["name"], inputs["evaluationPeriods"], inputs["treatMissingData"]) == (
        f"strata-prod-api-{kind}",
        3,
        "notBreaching",
    )
    topic = [f"arn:aws:test:{REGION}:{ACCOUNT}:strata-prod-alarms"]
    assert (inputs["alarmActions"], inputs["okActions"]) == (topic, topic)


@pytest.mark.parametrize(("errors", "count", "fires"), [(6, 100, 1), (5, 100, 0), (3, 3, 0), (4, 4, 1), (0, 0, 0)])
def test_the_5xx_alarm_fires_above_its_share_and_not_for_a_handful(errors: int, count: int, fires: int) -> None:
    assert value(api_errors(0.05), errors=errors, count=count) == fires


@pytest.mark.parametrize(("latency", "count", "fires"), [(3001, 20, 1), (3000, 20, 0), (9000, 19, 0), (0, 0, 0)])
def test_the_latency_alarm_fires_above_its_limit_and_not_for_a_few_requests(
    latency: int, count: int, fires: int
) -> None:
    assert value(api_latency(3000), latency=latency, count=count) == fires


def test_the_limits_of_the_api_are_the_stacks() -> None:
    limits = ApiAlarms(0.125, 800)
    assert "> 0.125 *" in alarm("5xx", limits).inputs["metricQueries"][-1]["expression"]
    assert "> 800," in alarm("latency", limits).inputs["metricQueries"][-1]["expression"]
