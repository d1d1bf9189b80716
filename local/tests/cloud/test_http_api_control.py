"""The control plane of HTTP APIs: parts of routes and stages, authorizers."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION


@pytest.fixture
def gateway(client: Callable[[str], Any]) -> Any:
    return client("apigatewayv2")


def _code(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer: Any = refused.value.response
    return str(answer["Error"]["Code"])


@pytest.mark.parametrize("asked", [{"Target": "https://example.com"}, {"RouteKey": "GET /"}])
def test_quick_create_is_refused_by_name(gateway: Any, asked: dict[str, str]) -> None:
    api = gateway.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    assert _code(gateway.create_api, Name="quick", ProtocolType="HTTP", **asked) == "BadRequestException"
    assert _code(gateway.update_api, ApiId=api, **asked) == "BadRequestException"
    assert gateway.update_api(ApiId=api, Name="store")["Name"] == "store"


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
