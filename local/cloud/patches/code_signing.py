"""Answers that no code signing is configured: the local cloud has none.

https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionCodeSigningConfig.html
"""

from typing import Any

from local.cloud.patches.lambda_api import Request, Response, Route
from local.cloud.routing.aliases import RefusedError


def _get(service: Any, call: Request) -> Response:
    call.record()
    return service.json_response({})  # type: ignore[no-any-return]


def _put(_: Any, call: Request) -> Response:
    call.record()
    raise RefusedError(
        "CodeSigningConfigNotFoundException",
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
        f"{call.data.get('CodeSigningConfigArn')}.",
        404,
    )


def _delete(_: Any, call: Request) -> Response:
    call.record()
    return 204, {}, b""


ROUTES: dict[str, Route] = {
    "DeleteFunctionCodeSigningConfig": _delete,
    "GetFunctionCodeSigningConfig": _get,
    "PutFunctionCodeSigningConfig": _put,
}
