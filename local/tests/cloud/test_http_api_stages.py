"""A stage of an HTTP API throttles, writes an access log, and checks tokens."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.tests.cloud.conftest import Cloud, Functions

SAYS_WHO = (
    "import json\ndef handler(event, context):\n"
    "    return {'statusCode': 200, 'body': json.dumps(event['requestContext'].get('authorizer'))}\n"
)
ACCESS_LOG = json.dumps(
    {
        "id": "$context.requestId",
        "route": "$context.routeKey",
        "status": "$context.status",
        "latency": "$context.responseLatency",
        "error": "$context.integrationErrorMessage",
    }
)
GROUP = "/aws/vendedlogs/shop-api"


@pytest.fixture
def api(functions: Functions, client: Callable[[str], Any]) -> dict[str, Any]:
    """An API with one route, `GET /`, in front of an alias; no stage yet."""
    arn = functions.alias(functions.create(SAYS_WHO))
    gateway = client("apigatewayv2")
    made = gateway.create_api(Name="shop", ProtocolType="HTTP")
    integration = gateway.create_integration(
        ApiId=made["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    route = gateway.create_route(ApiId=made["ApiId"], RouteKey="GET /", Target=f"integrations/{integration}")
    return {"id": made["ApiId"], "route": route["RouteId"], "host": made["ApiEndpoint"].removeprefix("http://")}


def test_what_is_beyond_the_burst_is_answered_429(
    api: dict[str, Any], cloud: Cloud, client: Callable[[str], Any]
) -> None:
    bounds = {"ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 3}
    gateway = client("apigatewayv2")
    gateway.create_stage(ApiId=api["id"], StageName="$default", DefaultRouteSettings=bounds)
    answers = [cloud.http("GET", "/", None, api["host"]) for _ in range(5)]
    assert [status for status, _ in answers] == [200, 200, 200, 429, 429]
    assert json.loads(answers[-1][1]) == {"message": "Too Many Requests"}
    gateway.update_stage(
        ApiId=api["id"], StageName="$default", DefaultRouteSettings={**bounds, "ThrottlingBurstLimit": 4}
    )
    assert cloud.http("GET", "/", None, api["host"])[0] == 200


def test_a_stage_without_bounds_lets_everything_through(
    api: dict[str, Any], cloud: Cloud, client: Callable[[str], Any]
) -> None:
    client("apigatewayv2").create_stage(ApiId=api["id"], StageName="$default")
    assert {cloud.http("GET", "/", None, api["host"])[0] for _ in range(10)} == {200}


def test_each_request_leaves_a_line_in_the_access_log(
    api: dict[str, Any], cloud: Cloud, client: Callable[[str], Any]
) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName=GROUP)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    client("apigatewayv2").create_stage(
        ApiId=api["id"],
        StageName="$default",
        AccessLogSettings={"DestinationArn": group["arn"].removesuffix(":*"), "Format": ACCESS_LOG},
    )
    cloud.http("GET", "/", None, api["host"])
    cloud.http("GET", "/nowhere", None, api["host"])
    events = logs.filter_log_events(logGroupName=GROUP)["events"]
    lines = [json.loads(event["message"]) for event in events]
    assert [(line["route"], line["status"], line["error"]) for line in lines] == [
        ("GET /", "200", "-"),
        ("-", "404", "-"),
    ]
    assert int(lines[0]["latency"]) >= 0


def test_a_route_with_an_authorizer_answers_401_without_a_token(
    api: dict[str, Any], cloud: Cloud, client: Callable[[str], Any]
) -> None:
    gateway = client("apigatewayv2")
    authorizer = gateway.create_authorizer(
        ApiId=api["id"],
        Name="tokens",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": "https://issuer.invalid", "Audience": ["shop"]},
    )["AuthorizerId"]
    gateway.update_route(ApiId=api["id"], RouteId=api["route"], AuthorizationType="JWT", AuthorizerId=authorizer)
    gateway.create_stage(ApiId=api["id"], StageName="$default")
    assert cloud.http("GET", "/", None, api["host"]) == (401, '{"message": "Unauthorized"}')
