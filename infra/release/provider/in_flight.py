"""Count the engine's calls under way: a cancelled one must still report what it leaves running."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc

PATIENCE = 20.0  # seconds; the engine gives a provider 30


class InFlightCalls(grpc.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Counts the calls that a server is answering.

    The engine cancels a language host right after the providers that run in it, and the host may end them at once. So
    Cancel waits until every other answer is out.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls = 0

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        handler = continuation(details)
        if handler is None or handler.unary_unary is None or details.method.endswith("/Cancel"):
            return handler

        def counted(request: Any, context: grpc.ServicerContext) -> Any:
            self._add(1)
            if not context.add_callback(lambda: self._add(-1)):  # the caller has gone already
                self._add(-1)
            return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(counted, handler.request_deserializer, handler.response_serializer)

    def wait(self) -> None:
        """Wait until all of them are answered, or PATIENCE is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls == 0, PATIENCE)

    def _add(self, calls: int) -> None:
        with self._changed:
            self._calls += calls
            self._changed.notify_all()
