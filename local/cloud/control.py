"""The control plane, which is not part of AWS: settings, faults, calls, tokens and reset below `/_strata/`."""

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from local.cloud import settings
from local.cloud.codedeploy import past
from local.cloud.faults.calls import Message, received
from local.cloud.faults.door import Door
from local.cloud.identity import issuers
from local.cloud.identity.decisions import DECISIONS
from local.cloud.timeline import TIMELINE
from local.cloud.webhooks import WEBHOOKS

PREFIX = "/_strata/"
_KNOWN = (
    f"GET or POST {PREFIX}settings, GET, POST or DELETE {PREFIX}faults, GET or DELETE {PREFIX}calls, "
    f"GET or DELETE {PREFIX}decisions, GET or POST {PREFIX}webhooks, POST {PREFIX}past, GET {PREFIX}timeline, "
    f"POST {PREFIX}tokens, "
    f"GET {PREFIX}issuers/<host and path of an issuer>/.well-known/openid-configuration, POST {PREFIX}reset"
)
_OF_WORKERS = ("factor", "enforce")


class Control:
    """An ASGI application for the paths below PREFIX. It retires workers if a setting in their environment changes."""

    def __init__(
        self, endpoint: str, door: Door, reset: Callable[[], Awaitable[None]], retire_workers: Callable[[], None]
    ) -> None:
        self._endpoint = endpoint
        self._door = door
        self._reset = reset
        self._retire_workers = retire_workers

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request with JSON."""
        body = b"".join(message.get("body", b"") for message in await received(receive))
        try:
            status, answer = await self._answer(scope, body)
        except ValueError as error:
            status, answer = 400, {"mistakes": str(error).splitlines()}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": (json.dumps(answer) + "\n").encode()})

    async def _answer(self, scope: Message, body: bytes) -> tuple[int, Message]:
        method, path = scope["method"], scope["path"].removeprefix(PREFIX)
        match method, path:
            case "GET", "settings":
                answer = settings.read()
            case "POST", "settings":
                answer = self._change(json.loads(body))
            case (("GET" | "POST" | "DELETE"), "faults"):
                if method != "GET":
                    self._door.faults.replace(json.loads(body) if method == "POST" else [])
                answer = {"faults": self._door.faults.read()}
            case "GET", "calls":
                answer = {"calls": self._door.calls.since(_since(scope["query_string"]))}
            case "DELETE", "calls":
                self._door.calls.clear()
                answer = {"calls": []}
            case "GET", "timeline":
                answer = asdict(TIMELINE.lateness())
            case "POST", "past":
                answer = past.add(json.loads(body))
            case "POST", "reset":
                await self._reset()
                answer = {"reset": True}
            case _:
                return self._answer_rest(method, path, body)
        return 200, answer

    def _answer_rest(self, method: str, path: str, body: bytes) -> tuple[int, Message]:
        """Answer requests for webhooks, tokens, their issuers, and decisions."""
        match method, path:
            case (("GET" | "POST"), "webhooks"):
                if method == "POST":
                    WEBHOOKS.replace(json.loads(body))
                return 200, {"answers": WEBHOOKS.answers, "requests": WEBHOOKS.requests}
            case (("GET" | "DELETE"), "decisions"):
                if method == "DELETE":
                    DECISIONS.clear()
                return 200, {"decisions": DECISIONS.read()}
            case "POST", "tokens":
                return 200, {"token": issuers.issue(json.loads(body))}
            case "GET", _ if (found := issuers.published(path, self._endpoint)) is not None:
                return 200, found
        return 404, {"mistakes": [f"{method} {PREFIX}{path} is nothing here: use {_KNOWN}"]}

    def _change(self, wanted: Any) -> Message:
        if not isinstance(wanted, dict):
            raise ValueError("the body must be a JSON object")
        before = settings.read()
        settings.change(wanted)
        after = settings.read()
        if any(after[name] != before[name] for name in _OF_WORKERS):
            self._retire_workers()
        return after


def _since(query: bytes) -> float:
    """Return the time that a query names; 0 if it names none."""
    given = parse_qs(query.decode(), keep_blank_values=True)
    if unknown := given.keys() - {"since"}:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}: use since=<seconds since the epoch>")
    text = given.get("since", ["0"])[-1]
    try:
        at = float(text)
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise ValueError(f"since is {text!r}: it must be a number, in seconds since the epoch")
    return at
