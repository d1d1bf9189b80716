"""The control plane of HTTP APIs: quick create, parts of routes and stages, authorizers."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION, Cloud, Functions

ANSWER = "def handler(event, context):\n    return {'statusCode': 200, 'body': event['routeKey']}\n"


@pytest.fixture
def gateway(client: Callable[[str], Any]) -> Any:
    return client("apigatewayv2")


@pytest.fixture
def alias(functions: Functions) -> str:
    return functions.alias(functions.create(ANSWER))


def _code(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer: Any = refused.value.response
    return str(answer["Error"]["Code"])


@pytest.mark.parametrize("key", [None, "GET /orders"])
def test_an_api_with_a_target_answers_at_once(gateway: Any, alias: str, cloud: Cloud, key: str | None) -> None:
    wanted = {"RouteKey": key} if key else {}
    api = gateway.create_api(Name="shop", ProtocolType="HTTP", Target=alias, **wanted)
    (integration,) = gateway.get_integrations(ApiId=api["ApiId"])["Items"]
    (route,) = gateway.get_routes(ApiId=api["ApiId"])["Items"]
    (stage,) = gateway.get_stages(ApiId=api["ApiId"])["Items"]
    assert (integration["IntegrationType"], integration["IntegrationUri"]) == ("AWS_PROXY", alias)
    assert integration["PayloadFormatVersion"] == "2.0"
    assert (route["RouteKey"], route["Target"]) == (key or "$default", f"integrations/{integration['IntegrationId']}")
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    assert [each["ApiGatewayManaged"] for each in (integration, route, stage)] == [True, True, True]
    host = api["ApiEndpoint"].removeprefix("http://")
    assert cloud.http("GET", "/orders", None, host) == (200, key or "$default")


def test_the_target_of_such_an_api_can_be_changed(gateway: Any, alias: str, cloud: Cloud, functions: Functions) -> None:
    api = gateway.create_api(Name="shop", ProtocolType="HTTP", Target=alias)
    functions.create("def handler(event, context):\n    return {'statusCode': 202, 'body': 'other'}\n", "other")
    other = alias.replace("orders:live", "other")
    gateway.update_api(ApiId=api["ApiId"], Target=other, RouteKey="GET /other")
    host = api["ApiEndpoint"].removeprefix("http://")
    assert cloud.http("GET", "/other", None, host) == (202, "other")
    assert cloud.http("GET", "/orders", None, host)[0] == 404
    assert gateway.update_api(ApiId=api["ApiId"], Name="store")["Name"] == "store"
    plain = gateway.create_api(Name="plain", ProtocolType="HTTP")["ApiId"]
    assert _code(gateway.update_api, ApiId=plain, Target=other) == "BadRequestException"


def test_a_url_is_a_target_too_and_a_websocket_api_has_none(gateway: Any) -> None:
    api = gateway.create_api(Name="shop", ProtocolType="HTTP", Target="https://example.com/shop")["ApiId"]
    (integration,) = gateway.get_integrations(ApiId=api)["Items"]
    assert (integration["IntegrationType"], integration["IntegrationMethod"]) == ("HTTP_PROXY", "ANY")
    socket = {"Name": "s", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}
    assert _code(gateway.create_api, **socket, Target="https://example.com") == "BadRequestException"
    assert _code(gateway.create_api, Name="s", ProtocolType="HTTP", RouteKey="GET /") == "BadRequestException"


def test_an_api_without_a_target_is_empty(gateway: Any) -> None:
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    for listed in (gateway.get_integrations, gateway.get_routes, gateway.get_stages):
        assert listed(ApiId=api)["Items"] == []


def test_deleting_a_part_leaves_the_rest(gateway: Any, account: str) -> None:
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    parameters = {
        "route.request.querystring.a": {"Required": True},
        "route.request.querystring.b": {"Required": False},
    }
    route = gateway.create_route(ApiId=api, RouteKey="GET /orders", RequestParameters=parameters)["RouteId"]
    gateway.create_stage(
        ApiId=api,
        StageName="live",
        AccessLogSettings={
            "DestinationArn": f"arn:aws:logs:{REGION}:{account}:log-group:api",
            "Format": "$context.status",
        },
        RouteSettings={"GET /orders": {"ThrottlingBurstLimit": 1}, "GET /": {"ThrottlingBurstLimit": 2}},
    )
    gateway.delete_route_request_parameter(ApiId=api, RouteId=route, RequestParameterKey="route.request.querystring.a")
    left = gateway.get_route(ApiId=api, RouteId=route)
    assert (left["RouteKey"], list(left["RequestParameters"])) == ("GET /orders", ["route.request.querystring.b"])
    gateway.delete_route_settings(ApiId=api, StageName="live", RouteKey="GET /orders")
    gateway.delete_access_log_settings(ApiId=api, StageName="live")
    gateway.reset_authorizers_cache(ApiId=api, StageName="live")
    stage = gateway.get_stage(ApiId=api, StageName="live")
    assert list(stage["RouteSettings"]) == ["GET /"]
    assert "AccessLogSettings" not in stage
    gateway.delete_route_settings(ApiId=api, StageName="live", RouteKey="GET /")
    assert not gateway.get_stage(ApiId=api, StageName="live").get("RouteSettings")
    missing = {"ApiId": api, "RouteId": "none", "RequestParameterKey": "x"}
    assert _code(gateway.delete_route_request_parameter, **missing) == "NotFoundException"
    gateway.delete_route(ApiId=api, RouteId=route)
    gateway.delete_stage(ApiId=api, StageName="live")
    assert gateway.get_routes(ApiId=api)["Items"] == gateway.get_stages(ApiId=api)["Items"] == []


def test_an_authorizer_shows_the_settings_of_its_type_only(gateway: Any, account: str) -> None:
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    jwt = gateway.create_authorizer(
        ApiId=api,
        Name="tokens",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["shop"], "Issuer": "https://example.com"},
    )
    wanted = {"AuthorizerId", "AuthorizerType", "IdentitySource", "JwtConfiguration", "Name"}
    assert set(jwt) - {"ResponseMetadata"} == wanted
    found = gateway.get_authorizer(ApiId=api, AuthorizerId=jwt["AuthorizerId"])
    assert set(found) - {"ResponseMetadata"} == wanted
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:{account}:function:f"
    request = gateway.create_authorizer(
        ApiId=api,
        Name="asks",
        AuthorizerType="REQUEST",
        IdentitySource=["$request.header.Authorization"],
        AuthorizerUri=f"{uri}/invocations",
        AuthorizerPayloadFormatVersion="2.0",
    )
    assert request["AuthorizerPayloadFormatVersion"] == "2.0"
    assert "JwtConfiguration" not in request
