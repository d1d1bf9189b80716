"""What API Gateway does in front of the routes: preflights, CORS headers, addresses, and metrics of the API itself."""

import http.client
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Cloud, Functions, until

SHOP, OTHER = "https://shop.example.com", "https://other.example.com"
SAYS = """def handler(event, context):
    if event["rawPath"] == "/fails":
        raise ValueError
    method = event["requestContext"]["http"]["method"]
    return {"statusCode": 200, "body": method, "headers": {"access-control-allow-origin": "https://f.example"}}
"""
CORS = {
    "AllowOrigins": [SHOP],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["authorization", "x-a"],
    "ExposeHeaders": ["x-b"],
    "AllowCredentials": True,
    "MaxAge": 60,
}
PREFLIGHT = {"Origin": SHOP, "Access-Control-Request-Method": "GET"}


@pytest.fixture
def gateway(client: Callable[[str], Any]) -> Any:
    return client("apigatewayv2")


@pytest.fixture
def api(functions: Functions, gateway: Any) -> dict[str, str]:
    """An API with the routes `GET /` and `GET /fails` of one alias."""
    arn = functions.alias(functions.create(SAYS))
    made = gateway.create_api(Name="shop", ProtocolType="HTTP")
    integration = gateway.create_integration(
        ApiId=made["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    target = f"integrations/{integration}"
    for key in ("GET /", "GET /fails"):
        gateway.create_route(ApiId=made["ApiId"], RouteKey=key, Target=target)
    gateway.create_stage(ApiId=made["ApiId"], StageName="$default")
    return {"id": made["ApiId"], "host": made["ApiEndpoint"].removeprefix("http://"), "target": target}


def request(
    cloud: Cloud, host: str, method: str = "GET", path: str = "/", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """Status, CORS headers by lower-case name, and body of a request without credentials."""
    connection = http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc, timeout=300)
    try:
        connection.request(method, path, headers={"Host": host, **(headers or {})})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        cors = {name: value for name, value in found.items() if name.startswith("access-control-")}
        return response.status, cors, response.read().decode()
    finally:
        connection.close()


# CORS


def test_without_cors_options_is_a_request_like_any_other(gateway: Any, api: dict[str, str], cloud: Cloud) -> None:
    status, cors, body = request(cloud, api["host"], "OPTIONS", headers=PREFLIGHT)
    assert (status, cors, json.loads(body)) == (404, {}, {"message": "Not Found"})
    gateway.create_route(ApiId=api["id"], RouteKey="OPTIONS /", Target=api["target"])
    assert request(cloud, api["host"], "OPTIONS", headers=PREFLIGHT)[::2] == (200, "OPTIONS")
    assert request(cloud, api["host"])[1] == {"access-control-allow-origin": "https://f.example"}


def test_a_preflight_is_answered_by_api_gateway_itself(gateway: Any, api: dict[str, str], cloud: Cloud) -> None:
    gateway.update_api(ApiId=api["id"], CorsConfiguration=CORS)
    assert request(cloud, api["host"], "OPTIONS", headers=PREFLIGHT) == (
        204,
        {
            "access-control-allow-origin": SHOP,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "GET,POST",
            "access-control-allow-headers": "authorization,x-a",
            "access-control-max-age": "60",
        },
        "",
    )


@pytest.mark.parametrize("headers", [{**PREFLIGHT, "Origin": OTHER}, {"Origin": SHOP}, {}])
def test_what_is_no_preflight_of_an_allowed_origin_gets_no_cors_headers(
    gateway: Any, api: dict[str, str], cloud: Cloud, headers: dict[str, str]
) -> None:
    gateway.update_api(ApiId=api["id"], CorsConfiguration=CORS)
    assert request(cloud, api["host"], "OPTIONS", headers=headers)[:2] == (204, {})


def test_an_answer_has_the_apis_cors_headers_and_never_the_functions(
    gateway: Any, api: dict[str, str], cloud: Cloud
) -> None:
    gateway.update_api(ApiId=api["id"], CorsConfiguration=CORS)
    assert request(cloud, api["host"], headers={"Origin": SHOP})[:2] == (
        200,
        {
            "access-control-allow-origin": SHOP,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "x-b",
        },
    )
    assert request(cloud, api["host"], headers={"Origin": OTHER})[:2] == (200, {})
    assert request(cloud, api["host"])[:2] == (200, {})


@pytest.mark.parametrize(
    "case",
    [("*", OTHER, "*"), ("https://*", OTHER, OTHER), ("http://*", OTHER, None), ("http://*", "http://a", "http://a")],
)
def test_an_origin_may_be_any_or_any_of_a_scheme(
    gateway: Any, api: dict[str, str], cloud: Cloud, case: tuple[str, str, str | None]
) -> None:
    allowed, origin, answered = case
    gateway.update_api(ApiId=api["id"], CorsConfiguration={"AllowOrigins": [allowed]})
    found = request(cloud, api["host"], headers={"Origin": origin})[1]
    assert found.get("access-control-allow-origin") == answered


def test_a_route_of_every_method_takes_preflights_too(gateway: Any, api: dict[str, str], cloud: Cloud) -> None:
    gateway.update_api(ApiId=api["id"], CorsConfiguration=CORS)
    gateway.create_route(ApiId=api["id"], RouteKey="ANY /any", Target=api["target"])
    status, cors, body = request(cloud, api["host"], "OPTIONS", "/any", PREFLIGHT)
    assert (status, cors["access-control-allow-origin"], body) == (200, SHOP, "OPTIONS")


def test_credentials_are_refused_for_every_origin(gateway: Any, api: dict[str, str]) -> None:
    wide = {"AllowOrigins": ["*"], "AllowCredentials": True}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (gateway.update_api, {"ApiId": api["id"]}),
        (gateway.create_api, {"Name": "wide", "ProtocolType": "HTTP"}),
    ]
    for call, given in calls:
        with pytest.raises(ClientError, match="allow-credentials is not supported if 'allow-origin' is \\*") as refused:
            call(**given, CorsConfiguration=wide)
        assert refused.value.response.get("Error", {}).get("Code") == "BadRequestException"


# Addresses


def named(gateway: Any, api: dict[str, str], account: str) -> str:
    """Give the API a name of its own, and return it."""
    domain = f"api-{account}.example.com"
    certificate = f"arn:aws:acm:{REGION}:{account}:certificate/0a1b2c3d-0000-4000-8000-000000000001"
    configuration = {"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    made = gateway.create_domain_name(DomainName=domain, DomainNameConfigurations=[configuration])
    assert made["DomainNameConfigurations"][0]["ApiGatewayDomainName"].endswith(f".execute-api.{REGION}.amazonaws.com")
    gateway.create_api_mapping(ApiId=api["id"], DomainName=domain, Stage="$default")
    return domain


def test_a_domain_leads_to_the_api_that_is_mapped(
    gateway: Any, api: dict[str, str], cloud: Cloud, account: str
) -> None:
    domain = named(gateway, api, account)
    assert request(cloud, domain)[::2] == (200, "GET")
    assert request(cloud, api["host"])[::2] == (200, "GET")


def test_an_address_that_is_switched_off_answers_404_and_the_domain_goes_on(
    gateway: Any, api: dict[str, str], cloud: Cloud, account: str
) -> None:
    domain = named(gateway, api, account)
    gateway.update_api(ApiId=api["id"], DisableExecuteApiEndpoint=True, CorsConfiguration=CORS)
    for method in ("GET", "OPTIONS"):
        status, cors, body = request(cloud, api["host"], method, headers=PREFLIGHT)
        assert (status, cors, json.loads(body)) == (404, {}, {"message": "Not Found"})
    assert request(cloud, domain)[0] == 200
    assert request(cloud, domain, "OPTIONS", headers=PREFLIGHT)[0] == 204
    gateway.update_api(ApiId=api["id"], DisableExecuteApiEndpoint=False)
    assert request(cloud, api["host"])[0] == 200


# Metrics


def test_an_api_has_metrics_of_its_own(api: dict[str, str], cloud: Cloud, client: Callable[[str], Any]) -> None:
    for path in ("/", "/", "/fails", "/missing"):
        request(cloud, api["host"], path=path)
    metrics = client("cloudwatch")

    def total(name: str, *stage: dict[str, str], stat: str = "Sum") -> float:
        now = datetime.now(UTC)
        points = metrics.get_metric_statistics(
            Namespace="AWS/ApiGateway",
            MetricName=name,
            Dimensions=[{"Name": "ApiId", "Value": api["id"]}, *stage],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=[stat],
        )["Datapoints"]
        return float(sum(point[stat] for point in points))

    stage = {"Name": "Stage", "Value": "$default"}
    until(lambda: total("Count") == 4)
    assert [total(name) for name in ("Count", "4xx", "5xx")] == [4, 1, 1]
    assert [total(name, stage) for name in ("Count", "4xx", "5xx")] == [4, 1, 1]
    assert total("Latency", stage, stat="SampleCount") == 4
    assert total("Latency", stage) > 0
