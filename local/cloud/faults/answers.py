"""Makes the answers of faults, in the words and the wire format of the called service.

Codes and statuses: https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/common-errors.html and the pages of each
service; JSON services answer 400 where that page says 403.
"""

import json
import uuid
from xml.sax.saxutils import escape

import cbor2

from local.cloud.faults.calls import CBOR, JSON, QUERY, REST_JSON, REST_XML, Call
from local.cloud.faults.operations import model

Answer = tuple[int, dict[str, str], bytes]

_CODES: dict[str, dict[str, tuple[str, int]]] = {
    "throttle": {
        JSON: ("ThrottlingException", 400),
        QUERY: ("Throttling", 400),
        REST_JSON: ("TooManyRequestsException", 429),
        REST_XML: ("SlowDown", 503),
    },
    "error": {
        JSON: ("InternalFailure", 500),
        QUERY: ("InternalFailure", 500),
        REST_JSON: ("ServiceException", 500),
        REST_XML: ("InternalError", 500),
    },
    "expired": {
        JSON: ("ExpiredTokenException", 400),
        QUERY: ("ExpiredToken", 403),
        REST_JSON: ("ExpiredTokenException", 403),
        REST_XML: ("ExpiredToken", 400),
    },
    "denied": {
        JSON: ("AccessDeniedException", 400),
        QUERY: ("AccessDenied", 403),
        REST_JSON: ("AccessDeniedException", 403),
        REST_XML: ("AccessDenied", 403),
    },
    "invalid": {
        JSON: ("UnrecognizedClientException", 400),
        QUERY: ("InvalidClientTokenId", 403),
        REST_JSON: ("UnrecognizedClientException", 403),
        REST_XML: ("InvalidAccessKeyId", 403),
    },
}
REFUSALS = frozenset(_CODES) - {"invalid"}
"""The kinds of fault that are an answer of the service."""
_OWN_ERRORS = {
    "cloudwatch": ("InternalServiceFault", 500),
    "dynamodb": ("InternalServerError", 500),
    "logs": ("ServiceUnavailableException", 503),
}
_CAPACITY = "ProvisionedThroughputExceededException"
_TEXTS = {
    "throttle": "Rate exceeded",
    "error": "The request processing has failed because of an unknown error, exception, or failure.",
    "expired": "The security token included in the request is expired",
    "invalid": "The security token included in the request is invalid.",
}
_IAM_PREFIXES = {"apigatewayv2": "apigateway", "stepfunctions": "states"}


def answer(kind: str, call: Call, denial: str = "") -> Answer:
    """Return status, headers and body with which the service refuses `call`; `denial` is AWS's sentence, if known."""
    known = model(call.service)
    legacy = known is not None and "awsQueryCompatible" in known.metadata
    code, status = _CODES[kind][QUERY if legacy else call.protocol]
    if kind == "error":
        code, status = _OWN_ERRORS.get(call.service, (code, status))
    elif kind == "throttle" and _counts_capacity(call):
        code = _CAPACITY
    text = (denial or _denial(call)) if kind == "denied" else _TEXTS[kind]
    fault = "Sender" if status < 500 else "Receiver"
    request = str(uuid.uuid4())
    headers = {"x-amzn-requestid": request, "x-amzn-errortype": code}
    if call.protocol in {QUERY, REST_XML}:
        inner = f"<Code>{code}</Code><Message>{escape(text)}</Message>"
        after = f"<RequestId>{request}</RequestId>"
        body = f"<ErrorResponse><Error><Type>{fault}</Type>{inner}</Error>{after}</ErrorResponse>"
        if call.protocol == REST_XML:
            body = f"<Error>{inner}{after}</Error>"
        return status, {"content-type": "text/xml"}, body.encode()
    if legacy:
        headers["x-amzn-query-error"] = f"{code};{fault}"
    said = {"__type": code, "message": text}
    if call.protocol == CBOR:
        return status, headers | {"content-type": "application/cbor", "smithy-protocol": CBOR}, cbor2.dumps(said)
    version = known.metadata.get("jsonVersion", "1.0") if known is not None and call.protocol == JSON else ""
    content = f"application/x-amz-json-{version}" if version else "application/json"
    return status, headers | {"content-type": content}, json.dumps(said).encode()


def _counts_capacity(call: Call) -> bool:
    """Return True if the call reads or writes items, which DynamoDB throttles by an error of their own.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    """
    known = model(call.service)
    if known is None or call.action not in known.operation_names:
        return False
    return any(shape.name == _CAPACITY for shape in known.operation_model(call.action).error_shapes)


def _denial(call: Call) -> str:
    caller = f"arn:aws:iam::{call.access_key}:root" if call.access_key.isdigit() else call.access_key or "anonymous"
    name = "InvokeFunction" if (call.service, call.action) == ("lambda", "Invoke") else call.action
    action = f"{_IAM_PREFIXES.get(call.service, call.service)}:{name}"
    return (
        f"User: {caller} is not authorized to perform: {action} on resource: * "
        f"because no identity-based policy allows the {action} action"
    )
