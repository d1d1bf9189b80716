"""What API Gateway does in front of an HTTP API's routes: preflights, CORS headers, and the addresses it answers at.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-disable-default-endpoint.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches.http_api import PARAMETERS, message

Response = tuple[int, dict[str, str], bytes]
Headers = dict[str, str]
_APIS = "services.apigateway"
_PREFLIGHT = "options"  # a preflight that a route takes: ministack answers OPTIONS itself, and no other word
ANY_ORIGIN = "*"
SCHEMES = ("https://*", "http://*")


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam("app", "_parse_execute_api_url", "host path"),
        Seam(_APIS, "_apigw_error", "code message status"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    return [
        Patch(
            Seam(
                "app",
                "_handle_execute_api_request",
                "host path method headers body query_params raw_path raw_query_string",
            ),
            "an API answered at its execute-api address although that was switched off",
            _closed,
        ),
        Patch(
            Seam("services.apigateway_v1", "find_domain_scope", "domain_name"),
            "a domain was found only by a client that signs with its account",
            lambda _: _owner_of_domain,
        ),
        Patch(
            Seam(
                _APIS,
                "_handle_execute_in_scope",
                "api_id stage path method headers body query_params owner_account_id owner_region raw_query_string",
            ),
            "OPTIONS was a preflight always: 403 without CORS, and never a route's",
            _preflights,
        ),
        Patch(Seam(_APIS, "_match_route", "api_id method path"), "OPTIONS reached no route", _upper),
        Patch(
            Seam(_APIS, "_invoke_lambda_proxy", PARAMETERS),
            "a function's own CORS headers were passed on beside the API's",
            _without_cors,
        ),
        Patch(
            Seam(_APIS, "_cors_response_headers", "cors_cfg origin"),
            "origins of a scheme matched nothing, and a request without an origin got CORS headers",
            lambda _: cors_headers,
        ),
        Patch(Seam(_APIS, "_create_api", "data"), "any origin was taken beside credentials", _consistent),
        Patch(Seam(_APIS, "_update_api", "api_id data"), "any origin was taken beside credentials", _consistent),
    ]


# Addresses


def _closed(original: Callable[..., Any]) -> Callable[..., Any]:
    """Answer 404 at an execute-api address that is switched off; a domain reaches the API all the same.

    https://repost.aws/knowledge-center/api-gateway-disable-endpoint
    """

    async def handle(host: str, path: str, *rest: Any, **named: Any) -> Response | None:
        parsed = ministack("app")._parse_execute_api_url(host, path)
        if parsed and _settings(parsed[0]).get("disableExecuteApiEndpoint"):
            return message(404, "Not Found")
        response: Response | None = await original(host, path, *rest, **named)
        return response

    return handle


def _owner_of_domain(domain_name: str) -> tuple[str, str, str] | None:
    """Return account and region of a domain, and its name as it was given, whatever the caller's account."""
    for (account, region, name), _ in ministack("services.apigateway_v1")._domain_names.all_items():
        if name.lower() == domain_name.lower():
            return account, region, name
    return None


def _settings(api_id: str) -> Mapping[str, Any]:
    """Return an API as it is stored, whatever the caller's account; nothing where there is none."""
    for (_, _, found), api in ministack(_APIS)._apis.all_items():
        if found == api_id:
            return api  # type: ignore[no-any-return]
    return {}


# CORS


def _preflights(original: Callable[..., Any]) -> Callable[..., Any]:
    """Give OPTIONS to the route that takes it; else answer a preflight where the API has CORS, and 404 where not.

    A route of every method takes preflights too, authorizer and all:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html#http-api-cors-default-route
    """

    async def execute(api_id: str, stage: str, path: str, method: str, headers: Headers, *rest: Any) -> Response:
        if method == "OPTIONS":
            if ministack(_APIS)._match_route(api_id, method, "/" + path.lstrip("/")):
                method = _PREFLIGHT
            elif cors := ministack(_APIS)._apis.get(api_id, {}).get("corsConfiguration"):
                return 204, preflight_headers(cors, headers), b""
            else:
                return message(404, "Not Found")
        response: Response = await original(api_id, stage, path, method, headers, *rest)
        return response

    return execute


def preflight_headers(cors: Mapping[str, Any], headers: Mapping[str, str]) -> Headers:
    """Return the headers of the answer to a preflight; none where it is not one, or its origin is not allowed."""
    sent = {name.lower(): value for name, value in headers.items()}
    found = cors_headers(cors, sent.get("origin", "")) if "access-control-request-method" in sent else {}
    if not found:
        return {}
    found.pop("Access-Control-Expose-Headers", None)
    for name, given in (("Methods", "allowMethods"), ("Headers", "allowHeaders")):
        if cors.get(given):
            found[f"Access-Control-Allow-{name}"] = ",".join(cors[given])
    if cors.get("maxAge") is not None:
        found["Access-Control-Max-Age"] = str(cors["maxAge"])
    return found


def cors_headers(cors_cfg: Mapping[str, Any], origin: str) -> Headers:
    """Return the CORS headers of an answer to `origin`; none where there is none, or it is not allowed."""
    allowed = [each.lower() for each in cors_cfg.get("allowOrigins") or ()]
    sent = origin.lower()
    by_scheme = any(each in SCHEMES and sent.startswith(each[:-1]) for each in allowed)
    if not sent or not (ANY_ORIGIN in allowed or sent in allowed or by_scheme):
        return {}
    found = {"Access-Control-Allow-Origin": ANY_ORIGIN if ANY_ORIGIN in allowed else origin, "Vary": "Origin"}
    if cors_cfg.get("allowCredentials"):
        found["Access-Control-Allow-Credentials"] = "true"
    if cors_cfg.get("exposeHeaders"):
        found["Access-Control-Expose-Headers"] = ",".join(cors_cfg["exposeHeaders"])
    return found


def _upper(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda api_id, method, path: original(api_id, method.upper(), path)


def _without_cors(original: Callable[..., Any]) -> Callable[..., Any]:
    names = PARAMETERS.split()

    async def invoke(*args: Any, **kwargs: Any) -> Response:
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        given["method"] = given["method"].upper()
        status, headers, body = await original(**given)
        if ministack(_APIS)._apis.get(given["api_id"], {}).get("corsConfiguration"):
            headers = {name: value for name, value in headers.items() if not name.lower().startswith("access-control-")}
        return status, headers, body

    return invoke


def _consistent(original: Callable[..., Response]) -> Callable[..., Response]:
    """Refuse credentials for every origin in AWS's words: https://github.com/aws/aws-cdk/issues/9076"""

    def change(*args: Any) -> Response:
        cors = args[-1].get("corsConfiguration") or {}
        if cors.get("allowCredentials") and ANY_ORIGIN in (cors.get("allowOrigins") or ()):
            text = "allow-credentials is not supported if 'allow-origin' is *"
            return ministack(_APIS)._apigw_error("BadRequestException", text, 400)  # type: ignore[no-any-return]
        return original(*args)

    return change
