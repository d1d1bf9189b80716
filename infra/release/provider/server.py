"""The provider's process: it serves on a free port until its parent ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from infra.release.engine.clock import ScaledClock
from infra.release.model.spec import ReleaseError
from infra.release.provider.servicer import Functions, LiveCloud, ReleaseProvider

PARENT_POLL = 0.5  # seconds


def serve() -> None:
    """Print the port and serve. Ctrl-C is the engine's: it calls Cancel, and ends this process when it is done."""
    try:
        clock = ScaledClock.from_environment()
    except ReleaseError as problem:
        sys.exit(str(problem))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    provider = ReleaseProvider(clock, lambda region, functions: _aws(region, functions, clock))
    server = grpc.server(ThreadPoolExecutor(max_workers=8), interceptors=(provider.in_flight,))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the protocol
    server.wait_for_termination()


def _aws(region: str, functions: Functions, clock: ScaledClock) -> LiveCloud:
    # Here, since boto3 takes longer to load than a process without a release needs.
    from infra.release.aws import Aws  # noqa: PLC0415
    from infra.release.aws.ahead import AwsAhead, Released  # noqa: PLC0415

    return AwsAhead(region, clock, [Released(**each) for each in functions]) if functions else Aws(region, clock)


def _end_with_parent(parent: int) -> None:
    """End this process with its parent. A killed CLI ends no child; deployments in flight go on under CloudWatch."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL)
    os._exit(0)
