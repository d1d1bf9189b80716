"""Routes requests to Lambda's API: it finds the operation by AWS's own model, checks the request, and calls its
handler.

ministack finds the operation by words anywhere in the path, so a function with such a word in its name was unreachable.
https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from local.cloud.faults.operations import rest_operation
from local.cloud.ministack import Patch, Seam, ministack
from local.cloud.routing.aliases import RefusedError

MODULE = "services.lambda_svc"
_MOST_BYTES = 6 * 1024 * 1024
_INVOCATIONS = frozenset({"Invoke", "InvokeWithResponseStream"})
Response = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Request:
    """One call about a function."""

    operation: str
    function: str
    qualifier: str | None
    """The qualifier, from the given name or ARN, else from the query."""
    named: str
    """The last part of the path: an alias, the id of a statement."""
    data: Any
    """The body as JSON: an object, except for invocations."""
    headers: Mapping[str, str]
    query: Mapping[str, Sequence[str]]

    def record(self) -> dict[str, Any]:
        """Return ministack's record of the function. Raises ResourceNotFoundException."""
        service = ministack(MODULE)
        found: dict[str, Any] | None = service._functions.get(self.function)
        if found is None:
            arn = service._func_arn(self.function)
            raise RefusedError("ResourceNotFoundException", f"Function not found: {arn}", 404)
        return found

    def arn(self) -> str:
        """Return the function's ARN, without a qualifier."""
        return str(ministack(MODULE)._func_arn(self.function))


Check = Callable[[Request], None]
"""Raises RefusedError if the request must be refused."""
Route = Callable[[Any, Request], Response | Awaitable[Response]]
"""Answers a request, by ministack's `lambda_svc` or in its place."""

ROUTES: dict[str, Route] = {
    "CreateAlias": lambda service, call: service._create_alias(call.function, call.data),
    "DeleteFunctionConcurrency": lambda service, call: service._delete_function_concurrency(call.function),
    "GetAlias": lambda service, call: service._get_alias(call.function, call.named),
    "GetFunctionConcurrency": lambda service, call: service._get_function_concurrency(call.function),
    "GetFunctionRecursionConfig": lambda service, call: service._get_function_recursion_config(call.function),
    "Invoke": lambda service, call: service._invoke(call.function, call.data, call.headers, call.qualifier, call.query),
    "InvokeWithResponseStream": lambda service, call: service._invoke_with_response_stream(
        call.function, call.data, call.headers, call.qualifier, call.query
    ),
    "ListAliases": lambda service, call: service._list_aliases(call.function, call.query),
    "PublishVersion": lambda service, call: service._publish_version(call.function, call.data),
    "PutFunctionConcurrency": lambda service, call: service._put_function_concurrency(call.function, call.data),
    "PutFunctionRecursionConfig": lambda service, call: service._put_function_recursion_config(
        call.function, call.data
    ),
    "UpdateAlias": lambda service, call: service._update_alias(call.function, call.named, call.data),
    "CreateFunctionUrlConfig": lambda service, call: service._create_function_url_config(
        call.function, call.data, call.qualifier
    ),
    "DeleteFunctionUrlConfig": lambda service, call: service._delete_function_url_config(call.function, call.qualifier),
    "GetFunctionUrlConfig": lambda service, call: service._get_function_url_config(call.function, call.qualifier),
    "ListFunctionUrlConfigs": lambda service, call: service._list_function_url_configs(call.function, call.query),
    "UpdateFunctionUrlConfig": lambda service, call: service._update_function_url_config(
        call.function, call.data, call.qualifier
    ),
    "UpdateFunctionCode": lambda service, call: (
        service._validate_latest_mutation_qualifier(call.function, call.qualifier)
        or service._update_code(call.function, call.data)
    ),
    "UpdateFunctionConfiguration": lambda service, call: (
        service._validate_latest_mutation_qualifier(call.function, call.qualifier)
        or service._update_config(call.function, call.data)
    ),
    "CreateFunction": lambda service, call: service._create_function(call.data),
}
"""The handlers by AWS's name of the operation; ministack routes all other operations."""


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    listed = {
        "_create_function_url_config": "func_name data qualifier",
        "_delete_alias": "func_name alias_name",
        "_delete_function": "name query_params path_qualifier",
        "_delete_function_concurrency": "func_name",
        "_delete_function_url_config": "func_name qualifier",
        "_func_arn": "name",
        "_get_alias": "func_name alias_name",
        "_get_function": "name qualifier",
        "_get_function_concurrency": "func_name",
        "_get_function_config": "name qualifier",
        "_get_function_recursion_config": "func_name",
        "_get_function_url_config": "func_name qualifier",
        "_invoke_with_response_stream": "name event headers path_qualifier query_params",
        "_list_aliases": "func_name query_params",
        "_list_function_url_configs": "func_name query_params",
        "_list_versions": "name query_params",
        "_put_function_concurrency": "func_name data",
        "_put_function_recursion_config": "func_name data",
        "_resolve_request_scoped_name_and_qualifier": "name_or_arn",
        "_update_config": "name data",
        "_update_function_url_config": "func_name data qualifier",
        "_validate_latest_mutation_qualifier": "func_name qualifier",
        "extract_access_key_id": "headers query_params",
    }
    return [Seam(MODULE, name, parameters) for name, parameters in listed.items()]


def patches(routes: Mapping[str, Route], checks: Mapping[str, Sequence[Check]]) -> list[Patch]:
    """Return the patches: `routes` replace the handlers above; `checks` run before them, in order."""
    seam = Seam(MODULE, "handle_request", "method path headers body query_params")
    why = "functions of some names could not be reached, and nothing about a request was validated"
    return [Patch(seam, why, lambda original: _door(original, {**ROUTES, **routes}, checks))]


def _door(
    original: Callable[..., Awaitable[Response]], routes: Mapping[str, Route], checks: Mapping[str, Sequence[Check]]
) -> Callable[..., Awaitable[Response]]:
    service: Any = ministack(MODULE)

    async def answer(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Response:
        plain = not query_params or path.endswith("/invocations")  # frequent, with an empty query
        query = "" if plain else urlencode(query_params, doseq=True)
        operation = rest_operation("lambda", method, path, query)
        route = routes.get(operation)
        try:
            data = _data(operation, body)
            call = Request(operation, *_named(service, path, query_params), data, headers, query_params)
            for check in checks.get(operation, ()):
                check(call)
            if route is None:
                return await original(method, path, headers, body, query_params)
            service._request_access_key.set(service.extract_access_key_id(headers, query_params))
            response = route(service, call)
            return response if isinstance(response, tuple) else await response
        except RefusedError as error:
            refusal: Response = service.error_response_json(error.code, str(error), error.status)
            return refusal

    return answer


def _named(service: Any, path: str, query: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Return the function, the qualifier, and the last part of the path."""
    parts = path.rstrip("/").split("/")
    name, qualifier = "", None
    if len(parts) > 3 and parts[2] == "functions":
        name, qualifier = service._resolve_request_scoped_name_and_qualifier(unquote(parts[3]))
    if given := query.get("Qualifier"):
        said = given if isinstance(given, str) else given[0]
        if qualifier and qualifier != said:
            raise RefusedError(
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified qualifier.",
            )
        qualifier = said
    return name, qualifier, unquote(parts[-1])


def _data(operation: str, body: bytes) -> Any:
    """Return the body as JSON. Raises InvalidRequestContentException if it is not JSON.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    if operation in _INVOCATIONS and len(body) > _MOST_BYTES:
        raise RefusedError(
            "RequestTooLargeException",
            f"Request must be smaller than {_MOST_BYTES} bytes for the InvokeFunction operation",
            413,
        )
    try:
        return _DECODER.decode(body.decode()) if body else {}
    except ValueError as error:
        if operation in _INVOCATIONS:
            text = f"Could not parse request body into json: Could not parse payload into json: {error}"
            raise RefusedError("InvalidRequestContentException", text) from error
        raise RefusedError("SerializationException", f"The body is not JSON: {error}") from error


def _never(constant: str) -> float:
    raise ValueError(f"Non-standard token '{constant}'")


_DECODER = json.JSONDecoder(parse_constant=_never)
