"""The service's answers: JSON bodies, and the refusals 400, 404, 409, 422 as `{"errors": [{"field", "reason"}]}`."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)

from app.orders.orders import KeyReusedError
from app.orders.schema import BadRequestError, Mistake

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

KEY_HEADER = "Idempotency-Key"

# Sorted, since a replayed order comes back from its record with sorted names: the same key gives the same bytes.
to_json = partial(json.dumps, sort_keys=True, separators=(",", ":"))


def answer(status: int, body: Any, headers: dict[str, Any] | None = None) -> Response[Any]:
    """Return an answer with a JSON body; a body that is a string is JSON already."""
    return Response(status_code=status, content_type="application/json", body=body, headers=headers)


def refusal(status: int, *mistakes: Mistake) -> Response[Any]:
    """Return an answer that lists the caller's mistakes."""
    return answer(status, {"errors": list(mistakes)})


def register(app: APIGatewayHttpResolver) -> None:
    """Answer only the caller's mistakes: any other exception is a fault, and leaves the resolver as it was raised."""
    app.exception_handler(BadRequestError)(_bad_request)
    app.exception_handler(IdempotencyAlreadyInProgressError)(_in_progress)
    app.exception_handler([IdempotencyValidationError, KeyReusedError])(_key_reused)
    app.not_found(_no_route)


def _bad_request(error: BadRequestError) -> Response[Any]:
    return refusal(400, *error.mistakes)


def _in_progress(_: Exception) -> Response[Any]:
    reason = "names a request that is still in progress; send the same one again in a few seconds"
    return refusal(409, {"field": KEY_HEADER, "reason": reason})


def _key_reused(_: Exception) -> Response[Any]:
    reason = "was used with another body; send a new order with a new key"
    return refusal(422, {"field": KEY_HEADER, "reason": reason})


def _no_route(_: Exception) -> Response[Any]:
    reason = "is not served with this method; there are POST /orders, GET /orders/{id} and GET /health"
    return refusal(404, {"field": "path", "reason": reason})
