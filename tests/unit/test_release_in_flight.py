"""Cancel, as the engine calls it: it returns once what was under way has been answered."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc

from infra.release.engine.clock import ScaledClock
from infra.release.provider.servicer import ReleaseProvider


class Slow(ReleaseProvider):
    """Answers one call when it is let."""

    let = threading.Event()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's
        self.let.wait(30)
        return plugin_pb2.PluginInfo(version="slow")


def test_cancel_waits_until_what_it_has_interrupted_is_answered() -> None:
    def nowhere(region: str, _: object) -> Any:
        raise AssertionError(region)

    provider = Slow(ScaledClock(), nowhere)
    server = grpc.server(ThreadPoolExecutor(4), interceptors=(provider.in_flight,))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            slow = stub.GetPluginInfo.future(empty_pb2.Empty())
            with pytest.raises(grpc.FutureTimeoutError):
                slow.result(0.2)
            cancel = stub.Cancel.future(empty_pb2.Empty())
            with pytest.raises(grpc.FutureTimeoutError):
                cancel.result(0.5)
            provider.let.set()
            assert slow.result(30).version == "slow"
            cancel.result(30)
    finally:
        server.stop(None).wait()
