"""The HTTP API (payload 2.0) as a Lambda handler around the routes.

The service answers mistakes of the caller, and raises its own faults: Lambda counts only raised exceptions as errors,
and the canary's verdict rests on that count.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.logging import correlation_paths

from app.orders import answers, routes

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from app.orders.receipts import Signer
    from app.orders.store import Table

Handler = Callable[[dict[str, Any], "LambdaContext"], dict[str, Any]]

VERSION_HEADER = "X-Served-Version"


def build(table: Table, signer: Signer | None = None) -> Handler:
    """Return the Lambda handler of this service on the given table; without a signer there are no receipts."""
    # Never debug, even where POWERTOOLS_DEV is set: then the resolver would answer a fault instead of raising it.
    app = APIGatewayHttpResolver(debug=False, serializer=answers.to_json)
    logger, metrics = Logger(), Metrics()
    answers.register(app)
    routes.register(app, table, signer, logger, metrics)

    # The event is never logged, whatever POWERTOOLS_LOGGER_LOG_EVENT says: it holds the caller's data.
    @logger.inject_lambda_context(
        correlation_id_path=correlation_paths.API_GATEWAY_HTTP, log_event=False, clear_state=True
    )
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        logger.append_keys(version=context.function_version)
        try:
            served = app.resolve(event, context)
        except Exception as fault:
            # Lambda logs the traceback; this line, in Lambda's form, links the fault to order, version and request.
            logger.error(f"{type(fault).__name__}: {fault}")
            raise
        # Here and not in a middleware: an answer made by an exception handler passes no middleware.
        served["headers"][VERSION_HEADER] = context.function_version
        return served

    return handler
