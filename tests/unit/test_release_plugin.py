"""The provider's own process, as the engine starts it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "infra/release/provider"
ABSENT = "127.0.0.1:9"  # the address of an engine that is not there


@contextmanager
def started(**environment: str) -> Iterator[tuple[subprocess.Popen[str], provider_pb2_grpc.ResourceProviderStub]]:
    """A provider, started from another folder than the repository's."""
    command = [sys.executable, "-u", str(PLUGIN), ABSENT]
    process = subprocess.Popen(
        command, cwd="/", env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stderr
    try:
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield process, provider_pb2_grpc.ResourceProviderStub(channel)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_the_first_line_is_the_port_and_the_provider_answers_there() -> None:
    with started() as (_, provider):
        provider.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address=ABSENT))
        assert provider.Configure(provider_pb2.ConfigureRequest()).supportsPreview
        assert provider.GetPluginInfo(empty_pb2.Empty()).version
        assert '"strata:release:Release"' in provider.GetSchema(provider_pb2.GetSchemaRequest()).schema


def test_a_mistake_is_reported_although_the_engine_is_gone() -> None:
    inputs = struct_pb2.Struct()
    inputs.update({"targets": [{"function": 3}], "policy": {}, "region": "eu-central-1"})
    with started() as (_, provider):
        provider.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address=ABSENT))
        failures = provider.Check(provider_pb2.CheckRequest(urn="urn", news=inputs)).failures
    assert any(failure.reason.startswith("targets[0].function is 3") for failure in failures)


def test_ctrl_c_at_the_terminal_leaves_it_to_the_engine_to_end_the_provider() -> None:
    with started() as (process, provider):
        process.send_signal(signal.SIGINT)
        assert provider.GetPluginInfo(empty_pb2.Empty()).version
        assert process.poll() is None


def test_the_provider_ends_with_its_parent() -> None:
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, {str(PLUGIN)!r}, {ABSENT!r}], stdout=subprocess.PIPE, text=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 120
    while (alive := Path(f"/proc/{child}").exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive


def test_a_clock_rate_that_cannot_be_ends_the_provider_with_the_reason() -> None:
    with started(STRATA_CLOCK_RATE="fast") as (process, _):
        assert process.wait(120) == 1
        assert process.stderr
        assert "STRATA_CLOCK_RATE is 'fast'" in process.stderr.read()


def test_starting_loads_neither_the_pulumi_sdk_nor_boto3() -> None:
    code = (
        "import runpy, sys\n"
        "from unittest import mock\n"
        "import grpc\n"
        "with mock.patch('grpc.server', side_effect=SystemExit):\n"
        "    try: runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "    except SystemExit: pass\n"
        "heavy = {'boto3', 'botocore', 'pulumi.resource', 'pulumi.dynamic', 'pulumi.automation'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
        "assert 'infra.release.engine.runner' in sys.modules\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(PLUGIN)], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
