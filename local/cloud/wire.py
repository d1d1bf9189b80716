"""Reads and writes a service's wire protocols by botocore's own model of it: rpc-v2-cbor, JSON and query.

Operations are plain functions from a request (a dict in the model's shapes; times as seconds since the epoch) to a
result of the same kind. https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session  # type: ignore[import-untyped]
import cbor2
from botocore.model import OperationModel, ServiceModel, Shape  # type: ignore[import-untyped]

from local.cloud.violations import Violation, violations

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]
Operation = Callable[[dict[str, Any]], Mapping[str, Any] | None]

_CBOR, _JSON, _QUERY = "rpc-v2-cbor", "json", "query"
_LOG = logging.getLogger(__name__)


class ServiceError(Exception):
    """An error in the service's words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass
class Service:
    """One service of the local AWS.

    `refuse` turns violations of botocore's model into the service's error; `fallback` answers the operations that are
    not in `operations`.
    """

    name: str
    refuse: Callable[[OperationModel, list[Violation]], ServiceError]
    fallback: Handler | None = None
    operations: dict[str, Operation] = field(default_factory=dict)

    @cached_property
    def model(self) -> ServiceModel:
        """Return botocore's model of the service."""
        return botocore.session.get_session().get_service_model(self.name)

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        """Answer a request in the protocol it came in; the signature is ministack's of every service."""
        protocol = _protocol(path, headers)
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True) if protocol == _QUERY else {}
        name = _operation_name(path, headers, {**query, **form})
        if name not in self.operations and self.fallback is not None:
            return await self.fallback(method, path, headers, body, query)
        try:
            if name not in self.operations:
                raise ServiceError("UnknownOperationException", f"The operation {name!r} is not imitated.", 404)
            operation = self.model.operation_model(name)
            request = read(protocol, operation.input_shape, body, {**query, **form})
            if found := list(violations(operation.input_shape, request)):
                raise self.refuse(operation, found)
            result = self.operations[name](request)
        except ServiceError as error:
            return self._error(protocol, error)
        except Exception as error:
            _LOG.exception("%s %s failed", self.name, name)
            return self._error(protocol, ServiceError("InternalFailure", f"{type(error).__name__}: {error}", 500))
        return self._answer(protocol, operation, result or {})

    def _answer(self, protocol: str, operation: OperationModel, result: Mapping[str, Any]) -> Response:
        shape = operation.output_shape
        if protocol == _QUERY:
            inner = _xml(shape, result) if shape else ""
            name, space = operation.name, self.model.metadata.get("xmlNamespace", "")
            wrapped = f"<{name}Result>{inner}</{name}Result>" if shape else ""
            meta = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
            text = f'<{name}Response xmlns="{space}">{wrapped}{meta}</{name}Response>'
            return 200, {"Content-Type": "text/xml"}, text.encode()
        value = _plain(shape, result, protocol) if shape else {}
        return 200, self._headers(protocol), _dump(protocol, value)

    def _error(self, protocol: str, error: ServiceError) -> Response:
        fault = "Sender" if error.status < 500 else "Receiver"
        if protocol == _QUERY:
            text = (
                f"<ErrorResponse><Error><Type>{fault}</Type><Code>{error.code}</Code>"
                f"<Message>{escape(error.message)}</Message></Error>"
                f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
            )
            return error.status, {"Content-Type": "text/xml"}, text.encode()
        headers = self._headers(protocol) | {"x-amzn-errortype": error.code}
        if "awsQueryCompatible" in self.model.metadata:
            headers["x-amzn-query-error"] = f"{error.code};{fault}"
        return error.status, headers, _dump(protocol, {"__type": error.code, "message": error.message})

    def _headers(self, protocol: str) -> dict[str, str]:
        if protocol == _CBOR:
            return {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return {"Content-Type": f"application/x-amz-json-{self.model.metadata.get('jsonVersion', '1.0')}"}


def _protocol(path: str, headers: Mapping[str, str]) -> str:
    content = headers.get("content-type", "")
    if "cbor" in content or "cbor" in headers.get("smithy-protocol", "") or "/operation/" in path:
        return _CBOR
    return _JSON if "json" in content or headers.get("x-amz-target") else _QUERY


def _operation_name(path: str, headers: Mapping[str, str], form: Mapping[str, list[str]]) -> str:
    if found := re.search(r"/operation/([^/?]+)", path):
        return found[1]
    if target := headers.get("x-amz-target"):
        return target.rsplit(".", 1)[-1]
    return form.get("Action", [""])[0]


def _dump(protocol: str, value: Any) -> bytes:
    return bytes(cbor2.dumps(value)) if protocol == _CBOR else json.dumps(value).encode()


# Requests


def read(protocol: str, shape: Shape | None, body: bytes, form: dict[str, list[str]]) -> dict[str, Any]:
    """Parse a request into the shape's types. Raises ServiceError if it does not fit."""
    if shape is None:
        return {}
    if protocol == _QUERY:
        return _from_form(shape, {key: values[-1] for key, values in form.items()}, "") or {}
    try:
        raw = (cbor2.loads(body) if protocol == _CBOR else json.loads(body)) if body else {}
    except (ValueError, cbor2.CBORDecodeError) as error:
        raise ServiceError("SerializationException", f"The body is not {protocol}: {error}") from error
    request: dict[str, Any] = _shaped(shape, raw, "")
    return request


def _shaped(shape: Shape, value: Any, path: str) -> Any:
    """Convert `value` to the types of `shape`; members that the model does not have are dropped, as on AWS."""
    kind = shape.type_name
    try:
        if kind == "structure":
            known: Mapping[str, Shape] = shape.members
            return {k: _shaped(known[k], v, f"{path}.{k}") for k, v in value.items() if k in known and v is not None}
        if kind == "list":
            return [_shaped(shape.member, item, f"{path}.{index}") for index, item in enumerate(value)]
        if kind == "map":
            return {key: _shaped(shape.value, item, f"{path}.{key}") for key, item in value.items()}
        return _scalar(kind, value)
    except (AttributeError, TypeError, ValueError) as error:
        where = path.lstrip(".") or "the request"
        raise ServiceError("SerializationException", f"{where} is {value!r}, which is not a {kind}") from error


def _scalar(kind: str, value: Any) -> Any:
    if kind in {"integer", "long"}:
        return int(value)
    if kind in {"float", "double"}:
        return float(value)
    if kind == "timestamp":
        return _epoch(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind == "string" and not isinstance(value, str):
        raise TypeError(value)
    return value


def _epoch(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)


def _from_form(shape: Shape, form: dict[str, str], prefix: str) -> Any:
    """Return the value at `prefix` of a form such as `Dimensions.member.1.Name=x`; None if there is none."""
    if shape.type_name == "structure":
        dotted = f"{prefix}." if prefix else ""
        found = {name: _from_form(member, form, dotted + name) for name, member in shape.members.items()}
        return {name: value for name, value in found.items() if value is not None} or None
    if shape.type_name == "list":
        found_items: list[Any] = []
        while (item := _from_form(shape.member, form, f"{prefix}.member.{len(found_items) + 1}")) is not None:
            found_items.append(item)
        return found_items or None
    return _shaped(shape, form[prefix], prefix) if prefix in form else None


# Answers


def _plain(shape: Shape, value: Any, protocol: str) -> Any:
    """Convert `value` for CBOR or JSON: only members of the model, no nulls, times in the protocol's form."""
    kind = shape.type_name
    if kind == "structure":
        known: Mapping[str, Shape] = shape.members
        return {k: _plain(known[k], v, protocol) for k, v in value.items() if k in known and v is not None}
    if kind == "list":
        return [_plain(shape.member, item, protocol) for item in value]
    if kind == "map":
        return {key: _plain(shape.value, item, protocol) for key, item in value.items()}
    if kind == "timestamp":
        at = round(_epoch(value), 3)
        return cbor2.CBORTag(1, at) if protocol == _CBOR else at
    return _scalar(kind, value)


def _xml(shape: Shape, value: Any) -> str:
    kind = shape.type_name
    if kind == "structure":
        known: Mapping[str, Shape] = shape.members
        return "".join(f"<{k}>{_xml(known[k], v)}</{k}>" for k, v in value.items() if k in known and v is not None)
    if kind == "list":
        return "".join(f"<member>{_xml(shape.member, item)}</member>" for item in value)
    if kind == "timestamp":
        return datetime.fromtimestamp(_epoch(value), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if kind == "boolean":
        return "true" if value else "false"
    return escape(str(_scalar(kind, value)))
