"""Identifies the API call of a request, and records all calls."""

import re
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from local.cloud.faults.operations import model, rest_operation

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

CAPACITY = 200_000
JSON, CBOR, QUERY, REST_JSON, REST_XML = "json", "rpc-v2-cbor", "query", "rest-json", "rest-xml"
_CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d{8}/(?:([^/]+)/)?([^/]+)/aws4_request")  # SigV4a has no region
_RPC = re.compile(rb"/operation/(\w+)")
_ACTION = re.compile(rb"(?:^|[&?])Action=(\w+)")
_OF_A_FUNCTION = re.compile(rb"\.(execute-api|lambda-url)\.")
_STREAMS = b"DynamoDBStreams_"
"""The operations of streams, which are signed for DynamoDB but are a client of their own."""
_CLIENTS = {  # boto3's names where the signature has others
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}


class Call(NamedTuple):
    """One call of the AWS API."""

    service: str
    """The name of boto3's client."""
    action: str
    """The operation; `unknown` if no model has it."""
    protocol: str
    """The wire protocol of the request and of its answer."""
    user_agent: str
    access_key: str
    """Empty if the request is not signed."""
    region: str
    """Empty if the signature names none."""


async def identify(scope: Message, receive: Receive) -> tuple[Call | None, Receive]:
    """Return the API call of an HTTP request, and the function that receives its body from now on.

    The call is None for a request to an HTTP API or a function's URL, and for an unsigned request, except the web
    identity calls of STS, which AWS accepts unsigned.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    query: bytes = scope["query_string"]
    if is_public(scope["path"], headers.get(b"host", b"")):
        return None, receive
    signed = _CREDENTIAL.search(headers.get(b"authorization") or unquote_to_bytes(query))
    form = b"x-www-form-urlencoded" in headers.get(b"content-type", b"")
    body = b""
    if form:
        messages = await received(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        receive = again(messages, receive)
    action, protocol = _rpc(scope["raw_path"], headers, query, body)
    if signed is not None:
        access_key, service = signed[1].decode(), _service(signed[3].decode(), scope["path"])
        region = (signed[2] or b"").decode()
    elif form and action.startswith("AssumeRoleWith"):
        access_key, service, region = "", "sts", ""
    else:
        return None, receive
    if headers.get(b"x-amz-target", b"").startswith(_STREAMS):
        service = "dynamodbstreams"
    if service == "execute-api":
        return None, receive
    if not protocol:
        action = rest_operation(service, scope["method"], scope["raw_path"].decode(), query.decode())
        known = model(service)
        protocol = REST_XML if known is not None and known.metadata["protocol"] == REST_XML else REST_JSON
    agent = headers.get(b"user-agent", b"").decode("latin-1")
    call = Call(service, sys.intern(action), protocol, sys.intern(agent), sys.intern(access_key), sys.intern(region))
    return call, receive


def is_public(path: str, host: bytes) -> bool:
    """Return True for a request to an HTTP API, by its own name too, a function's URL or a page of ministack's own,
    which need no signature."""
    return path.startswith("/_") or _OF_A_FUNCTION.search(host) is not None or _is_domain(host)


def _is_domain(host: bytes) -> bool:
    """Return True for the name that an HTTP API has been given."""
    gateway = sys.modules.get("ministack.services.apigateway_v1")
    if gateway is None:
        return False
    name = host.partition(b":")[0].decode("latin-1").lower()
    return any(domain.lower() == name for (_, _, domain), _ in gateway._domain_names.all_items())


async def received(receive: Receive) -> list[Message]:
    """Return the messages of a request, to the end of its body."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def again(messages: list[Message], receive: Receive) -> Receive:
    """Return a function that receives `messages` again, and then those after them."""
    left = deque(messages)

    async def replay() -> Message:
        return left.popleft() if left else await receive()

    return replay


def _service(signing: str, path: str) -> str:
    if signing == "apigateway" and path.startswith("/v2/"):
        return "apigatewayv2"
    return _CLIENTS.get(signing, signing)


def _rpc(path: bytes, headers: dict[bytes, bytes], query: bytes, body: bytes) -> tuple[str, str]:
    """Operation and protocol of a request that names its operation; both empty for REST."""
    if target := headers.get(b"x-amz-target"):
        return target.rpartition(b".")[2].decode("latin-1"), JSON
    if b"smithy-protocol" in headers and (found := _RPC.search(path)):
        return found[1].decode(), CBOR
    if found := _ACTION.search(body) or _ACTION.search(query):
        return found[1].decode(), QUERY
    return "", ""


class Calls:
    """The latest `CAPACITY` calls."""

    def __init__(self) -> None:
        self._made: deque[tuple[float, Call, int | None]] = deque(maxlen=CAPACITY)

    def add(self, at: float, call: Call, status: int | None) -> None:
        """Record a call. `at`: its arrival in seconds since the epoch; the status is None if the connection was closed
        instead."""
        self._made.append((at, call, status))

    def since(self, at: float) -> list[dict[str, Any]]:
        """Return the calls that came at `at` or later, in the order in which they were answered."""
        return [
            {
                "at": began,
                "service": call.service,
                "action": call.action,
                "status": status,
                "user_agent": call.user_agent,
                "access_key": call.access_key,
            }
            for began, call, status in self._made
            if began >= at
        ]

    def clear(self) -> None:
        """Clear the record."""
        self._made.clear()
