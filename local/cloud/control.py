"""The control plane, which no client of AWS knows: `/_strata/settings` and `/_strata/reset`."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from local.cloud import settings

PREFIX = "/_strata/"
Message = dict[str, Any]


class Control:
    """An ASGI application for the paths below PREFIX. `factor_changed` is called after it did."""

    def __init__(self, reset: Callable[[], Awaitable[None]], factor_changed: Callable[[], None]) -> None:
        self._reset = reset
        self._factor_changed = factor_changed

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request with JSON."""
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, answer = await self._answer(scope["method"], scope["path"].removeprefix(PREFIX), body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": (json.dumps(answer) + "\n").encode()})

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Message]:
        match method, path:
            case "GET", "settings":
                return 200, settings.read()
            case "POST", "settings":
                return self._change(body)
            case "POST", "reset":
                await self._reset()
                return 200, {"reset": True}
        known = "GET or POST /_strata/settings, POST /_strata/reset"
        return 404, {"mistakes": [f"{method} {PREFIX}{path} is nothing here: use {known}"]}

    def _change(self, body: bytes) -> tuple[int, Message]:
        before = settings.read()
        try:
            wanted = json.loads(body)
            if not isinstance(wanted, dict):
                raise ValueError("the body must be a JSON object")
            settings.change(wanted)
        except ValueError as error:
            return 400, {"mistakes": str(error).splitlines()}
        after = settings.read()
        if after["factor"] != before["factor"]:
            self._factor_changed()
        return 200, after
