"""Patches of ministack's HTTP APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import inspect
import json
from collections.abc import Callable
from typing import Any

from local.cloud.identity import guard
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.patches.functions import without_thread
from local.cloud.routing.call import OUTCOME, Outcome
from local.cloud.routing.invocation import Invoker
from local.cloud.settings import SWITCHES

PARAMETERS = (
    "integration api_id stage path method headers body query_params route_key path_params authorizer_claims "
    "authorizer_scopes authorizer_lambda_context authorizer_iam owner_account_id owner_region raw_query_string"
)


def patches(invoker: Invoker) -> list[Patch]:
    """Return all patches of this module."""
    return [
        Patch(
            Seam("app", "_handle_health_request", "path request_id"),
            "a plain /health was answered on every host, where it belongs to whatever API has such a route",
            lambda original: lambda path, request_id: None if path == "/health" else original(path, request_id),
        ),
        Patch(
            Seam("services.apigateway", "find_api_scope", "api_id"),
            "an API was found only by a client that signs with its account, and clients of an API do not sign",
            lambda _: _owner,
        ),
        Patch(
            Seam("services.apigateway", "_invoke_lambda_proxy", PARAMETERS),
            "a function's error reached the client as 502 with its text; an HTTP API answers 500 without it",
            _hide_errors,
        ),
        Patch(
            Seam("services.apigateway", "run_reentrant", "fn args thread_name"),
            "a thread for each call cost more than the call",
            lambda original: without_thread(original, invoker),
        ),
    ]


def _owner(api_id: str) -> tuple[str, str] | None:
    """Return account and region of an API, whatever the caller's account."""
    for (account, region, found), _ in ministack("services.apigateway")._apis.all_items():
        if found == api_id:
            return account, region
    return None


def _may_invoke(integration: dict[str, Any], api: str, stage: str, method: str, route: str) -> bool:
    """Return True if the function's policy permits the API.

    The source is the API's stage, the method and the route:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    account, region = _owner(api) or ("", "")
    target = ministack("services.apigateway")._extract_lambda_ref_from_integration_uri(integration["integrationUri"])
    called = route if route == "$default" else f"{method}{route.partition(' ')[2]}"
    source = f"arn:aws:execute-api:{region}:{account}:{api}/{stage}/{called}"
    if not target.startswith("arn:"):
        target = f"arn:aws:lambda:{region}:{account}:function:{target}"
    return guard.serves("apigateway.amazonaws.com", source, "lambda:InvokeFunction", target)


def _hide_errors(original: Callable[..., Any]) -> Callable[..., Any]:
    async def invoke(*args: Any, **kwargs: Any) -> tuple[int, dict[str, str], bytes]:
        if SWITCHES.enforce:
            given = inspect.signature(original).bind(*args, **kwargs).arguments
            named = (given[name] for name in ("integration", "api_id", "stage", "method", "route_key"))
            if not _may_invoke(*named):
                return message(500, "Internal Server Error")
        outcome = Outcome()
        token = OUTCOME.set(outcome)
        try:
            response: tuple[int, dict[str, str], bytes] = await original(*args, **kwargs)
        finally:
            OUTCOME.reset(token)
        if outcome.throttled:
            return message(503, "Service Unavailable")
        if outcome.error:
            return message(500, "Internal Server Error")
        return response

    return invoke


def message(status: int, text: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps({"message": text}).encode()
