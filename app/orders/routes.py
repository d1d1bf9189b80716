"""The three routes: POST /orders, GET /orders/{id}, GET /health."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import idempotent_function

from app.orders import orders, schema, smoke_orders, store
from app.orders.answers import KEY_HEADER, answer, refusal, to_json

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

    from app.orders.receipts import Signer

KEY = re.compile(r"[!-+\--~]{1,128}")  # visible ASCII, but no comma


def register(
    app: APIGatewayHttpResolver, table: store.Table, signer: Signer | None, logger: Logger, metrics: Metrics
) -> None:
    """Add the routes to the resolver."""
    records, idempotency = table.records()

    def place(*, request: dict[str, Any]) -> orders.Order:
        smoke = smoke_orders.is_key(request["key"])
        given = (request["order"], request["key"], request["id"], datetime.now(UTC))
        order, is_new = orders.place(table, *given, owner=request.get("owner"), smoke=smoke)
        if is_new and not smoke:
            logger.info("order created")
            metrics.add_metric(name="OrdersCreated", unit=MetricUnit.Count, value=1)
            metrics.flush_metrics()
        return order

    # The idempotent function returns the order, not an HTTP answer, so that a replay has the status and the headers of
    # the version that answers now.
    place_once = cast(
        "Callable[..., orders.Order]",
        idempotent_function(
            place,
            data_keyword_argument="request",
            persistence_store=records,
            config=idempotency,
            key_prefix=store.RECORD_PREFIX,
        ),
    )

    def receipted(status: int, order: dict[str, Any]) -> Response[Any]:
        """Return the order with the receipt of exactly the bytes that the caller gets."""
        body = to_json(order)
        return answer(status, body, signer.headers(body, logger, metrics) if signer else None)

    @app.post("/orders")
    def create_order() -> Response[Any]:
        key = _key(app.current_event.headers.get(KEY_HEADER))
        new = schema.parse(app.current_event.body, bool(app.current_event.is_base64_encoded))
        idempotency.register_lambda_context(app.lambda_context)
        if smoke_orders.is_smoke(app.current_event.raw_event):
            with smoke_orders.no_trace(table, records, smoke_orders.key(key)) as key:
                request = {"key": key, "id": smoke_orders.order_id(key), "order": new}
                return answer(
                    201, orders.answered(place_once(request=request))
                )  # no receipt, since the order will be removed
        order_id = orders.new_id()
        logger.append_keys(order_id=order_id)
        caller = _caller(app.current_event.raw_event)
        owned = {"key": orders.scoped(key, caller), "id": order_id, "order": new, "owner": caller}
        order = place_once(request=owned)
        # "placed" in every answer to the key, fulfilled or not by now: the same key gives the same bytes and receipt.
        return receipted(201, orders.answered(order))

    @app.get("/orders/<order_id>")
    def read_order(order_id: str) -> Response[Any]:
        found = None
        if orders.is_order_id(order_id):
            logger.append_keys(order_id=order_id)
            found = table.get(order_id)
        # Another caller's order is answered as one that does not exist, so that an id cannot be tried out.
        if found is None or not orders.may_read(found, _caller(app.current_event.raw_event)):
            return refusal(404, {"field": "id", "reason": f"no order has the id {schema.shown(order_id)}"})
        return receipted(200, orders.answered(found, table.fulfilled_at(order_id)))

    # Shows that the code loads and is configured. It does not use the table: an outage of the table, which all
    # instances share, must not make each of them unhealthy.
    @app.get("/health")
    def health() -> Response[Any]:
        return answer(200, {"status": "ok"})


def _caller(event: Mapping[str, Any]) -> str | None:
    """Return the caller's name, where an authorizer of the API has identified the caller; else None.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    """
    claims = ((event["requestContext"].get("authorizer") or {}).get("jwt") or {}).get("claims") or {}
    return orders.caller_of(claims.get("iss", ""), claims["sub"]) if claims.get("sub") else None


def _key(header: str | None) -> str:
    if not header or not header.strip():
        reason = "is missing or blank; send a key of your own, such as a UUID, and the same one when you try again"
    elif "," in header:
        reason = "holds a comma, by which an HTTP API joins a header that is sent twice; send one key, without a comma"
    elif invalid := sorted({character for character in header if not "!" <= character <= "~"}):
        named = ", ".join("a space" if each == " " else f"the character U+{ord(each):04X}" for each in invalid[:3])
        reason = f"holds {named}; take visible ASCII characters alone, without spaces"
    elif not KEY.fullmatch(header):
        reason = f"has {len(header)} characters; take 1 to 128"
    else:
        return header
    raise schema.BadRequestError({"field": KEY_HEADER, "reason": reason})
