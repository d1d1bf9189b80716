"""The control plane of HTTP APIs: operations that ministack confuses with others or lacks.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack

_MODULE = "services.apigateway"
_OF_REQUESTS = ("authorizerCredentialsArn", "authorizerPayloadFormatVersion", "authorizerResultTtlInSeconds")
_NOT_OF_JWT = (*_OF_REQUESTS, "authorizerUri", "enableSimpleResponses")
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[..., Awaitable[Response]]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    listed = {
        "_api_not_found": "api_id",
        "_apigw_error": "code message status",
        "_apigw_response": "data status",
        "_create_integration": "api_id data",
        "_create_route": "api_id data",
        "_create_stage": "api_id data",
        "_update_integration": "api_id int_id data",
        "_update_route": "api_id route_id data",
    }
    return [Seam(_MODULE, name, parameters) for name, parameters in listed.items()]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    return [
        Patch(
            Seam(_MODULE, "handle_request", "method path headers body query_params"),
            "deleting a part of a route or a stage deleted the whole",
            _parts,
        ),
        Patch(Seam(_MODULE, "_create_api", "data"), "Target made nothing", _quick_create),
        Patch(Seam(_MODULE, "_update_api", "api_id data"), "Target changed nothing", _quick_update),
        Patch(
            Seam(_MODULE, "_create_authorizer", "api_id data"),
            "an authorizer of tokens came back with settings of one that is a function",
            _as_its_type,
        ),
    ]


# Parts of routes and stages


def _parts(original: Handler) -> Handler:
    async def answer(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Response:
        parts = path.split("/")
        delete = _DELETED.get((parts[4], parts[6])) if method == "DELETE" and len(parts) > 6 else None
        if delete is not None and parts[1:3] == ["v2", "apis"]:
            return delete(parts[3], parts[5], "/".join(parts[7:]))
        return await original(method, path, headers, body, query_params)

    return answer


def _part(holders: str, what: str, name: str, nested: bool) -> Callable[[str, str, str], Response]:
    """Delete the member `name` of a route or stage, or one entry of it."""

    def delete(api: str, owner: str, entry: str) -> Response:
        service: Any = ministack(_MODULE)
        if api not in service._apis:
            return service._api_not_found(api)  # type: ignore[no-any-return]
        found = getattr(service, holders).get(api, {}).get(owner)
        if found is None:
            return _error("NotFoundException", f"Unable to find {what} by ID {owner} within the provided API", 404)
        if nested:
            found[name] = {key: value for key, value in (found.get(name) or {}).items() if key != entry}
        if not nested or not found[name]:
            found.pop(name, None)
        return 204, {}, b""

    return delete


_DELETED: dict[tuple[str, str], Callable[[str, str, str], Response]] = {
    ("routes", "requestparameters"): _part("_routes", "Route", "requestParameters", nested=True),
    ("stages", "accesslogsettings"): _part("_stages", "Stage", "accessLogSettings", nested=False),
    ("stages", "cache"): _part("_stages", "Stage", "authorizersCache", nested=False),  # nothing is cached
    ("stages", "routesettings"): _part("_stages", "Stage", "routeSettings", nested=True),
}
"""The operations by their place in the path, whose last part, the key of a route, may have slashes."""


def _error(code: str, message: str, status: int) -> Response:
    return ministack(_MODULE)._apigw_error(code, message, status)  # type: ignore[no-any-return]


# Quick create


def _quick_create(original: Callable[[dict[str, Any]], Response]) -> Callable[[dict[str, Any]], Response]:
    """An API with its target has an integration, a route and the stage `$default`, which API Gateway manages.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop.html#http-api-examples.cli.quick-create
    """

    def create(data: dict[str, Any]) -> Response:
        target = data.get("target")
        if not target:
            if data.get("routeKey") or data.get("credentialsArn"):
                return _error("BadRequestException", "RouteKey and CredentialsArn need a Target", 400)
            return original(data)
        if data.get("protocolType") != "HTTP":
            return _error("BadRequestException", "Target is supported only for HTTP APIs", 400)
        response = original(data)
        if response[0] >= 300:
            return response
        service: Any = ministack(_MODULE)
        api = json.loads(response[2])["apiId"]
        made = json.loads(service._create_integration(api, _integration(target, data))[2])["integrationId"]
        key = data.get("routeKey") or "$default"
        route = json.loads(service._create_route(api, {"routeKey": key, "target": f"integrations/{made}"})[2])[
            "routeId"
        ]
        service._create_stage(api, {"stageName": "$default", "autoDeploy": True})
        for held in (service._integrations[api][made], service._routes[api][route], service._stages[api]["$default"]):
            held["apiGatewayManaged"] = True
        return response

    return create


def _integration(target: str, data: Mapping[str, Any]) -> dict[str, Any]:
    function = target.startswith("arn:")
    credentials = {"credentialsArn": data["credentialsArn"]} if data.get("credentialsArn") else {}
    return {
        "integrationType": "AWS_PROXY" if function else "HTTP_PROXY",
        "integrationUri": target,
        "integrationMethod": "POST" if function else "ANY",
        "payloadFormatVersion": "2.0" if function else "1.0",
        **credentials,
    }


def _quick_update(original: Callable[..., Response]) -> Callable[..., Response]:
    """Target, RouteKey and CredentialsArn change what quick create made."""

    def update(api_id: str, data: dict[str, Any]) -> Response:
        service: Any = ministack(_MODULE)
        asked = {name: data[name] for name in ("target", "routeKey", "credentialsArn") if data.get(name)}
        if not asked or api_id not in service._apis:
            return original(api_id, data)
        managed = [
            next((key for key, held in holder.get(api_id, {}).items() if held.get("apiGatewayManaged")), None)
            for holder in (service._integrations, service._routes)
        ]
        if None in managed:
            return _error("BadRequestException", "Only an API that was made with a Target takes another", 400)
        integration, route = managed
        if "target" in asked or "credentialsArn" in asked:
            target = asked.get("target") or service._integrations[api_id][integration]["integrationUri"]
            service._update_integration(api_id, integration, _integration(target, asked))
        if "routeKey" in asked:
            service._update_route(api_id, route, {"routeKey": asked["routeKey"]})
        return original(api_id, data)

    return update


# Authorizers


def _as_its_type(original: Callable[..., Response]) -> Callable[..., Response]:
    def create(api_id: str, data: dict[str, Any]) -> Response:
        status, headers, body = original(api_id, data)
        if status >= 300:
            return status, headers, body
        service: Any = ministack(_MODULE)
        made = service._authorizers[api_id][json.loads(body)["authorizerId"]]
        for name in _NOT_OF_JWT if made["authorizerType"] == "JWT" else ("jwtConfiguration",):
            made.pop(name, None)
        return service._apigw_response(made, status)  # type: ignore[no-any-return]

    return create
