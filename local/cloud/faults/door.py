"""The ASGI application through which every request passes on its way to ministack."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from local.cloud.faults.answers import REFUSALS, Answer, answer
from local.cloud.faults.calls import Call, Calls, Message, Receive, identify, is_public, received
from local.cloud.faults.rules import Faults

Send = Callable[[Message], Awaitable[None]]
Guard = Callable[[Call | None, Message, Receive], Awaitable[tuple[Answer | None, Receive]]]
"""Returns the answer that refuses a call, or None, and the function that receives the call's body from now on."""
HANG_UP = "strata.hang_up"
"""The key in a connection's state of the function that closes the connection at once."""


class Door:
    """Wraps an ASGI application: it records the calls of the AWS API, and injects faults into some.

    `guard` decides on the calls that no fault has answered.
    """

    def __init__(self, inside: Callable[[Message, Receive, Send], Awaitable[None]], guard: Guard) -> None:
        self.calls = Calls()
        self.faults = Faults()
        self._guard = guard
        self._inside = inside

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass one HTTP request."""
        at = time.time()
        call, receive = await identify(scope, receive)
        if call is None:
            await self._pass_unsigned(scope, receive, send)
            return
        status: int | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._pass(call, scope, receive, watched)
        finally:
            self.calls.add(at, call, status)

    async def _pass(self, call: Call, scope: Message, receive: Receive, send: Send) -> None:
        rule = self.faults.meets(call)
        kind = "" if rule is None else rule.kind
        if kind == "lost":
            await self._inside(scope, receive, _nowhere)
            scope["state"][HANG_UP]()
        elif kind == "drop":
            await received(receive)
            scope["state"][HANG_UP]()
        elif kind in REFUSALS:
            await received(receive)
            await _send(answer(kind, call), send)
        else:
            if rule is not None and rule.seconds is not None:  # a delay
                await asyncio.sleep(rule.seconds)
            await self._ask(call, scope, receive, send)

    async def _pass_unsigned(self, scope: Message, receive: Receive, send: Send) -> None:
        if is_public(scope["path"], dict(scope["headers"]).get(b"host", b"")):
            await self._inside(scope, receive, send)
        else:
            await self._ask(None, scope, receive, send)

    async def _ask(self, call: Call | None, scope: Message, receive: Receive, send: Send) -> None:
        refusal, receive = await self._guard(call, scope, receive)
        if refusal is None:
            await self._inside(scope, receive, send)
        else:
            await received(receive)
            await _send(refusal, send)


async def _nowhere(_: Message) -> None:
    """Discard an answer."""


async def _send(answered: Answer, send: Send) -> None:
    status, headers, body = answered
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
