"""The stand-in providers as Pulumi's engine uses them: a process of their own, reached by gRPC."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.tests.cloud.conftest import PYTHON, REGION, ROOT, Cloud, until


def environment(cloud: Cloud | None, **changed: str) -> dict[str, str]:
    """Return the environment of a providers' process: nothing of AWS's but what is given."""
    scrubbed = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
    given = {"AWS_ACCESS_KEY_ID": "1" * 12, "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": REGION}
    endpoint = {"AWS_ENDPOINT_URL": cloud.endpoint} if cloud else {}
    return {**scrubbed, **given, **endpoint, **changed}


def launch(folder: Path, env: Mapping[str, str], *options: str) -> subprocess.Popen[str]:
    """`python -m local.providers`: `folder`/ready.json is there once it serves, `folder`/log.txt holds what it says."""
    command = [str(PYTHON), "-m", "local.providers", "--ready-file", str(folder / "ready.json"), *options]
    with (folder / "log.txt").open("w") as log:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, text=True)


@contextmanager
def providers(folder: Path, env: Mapping[str, str], *options: str) -> Iterator[str]:
    """Running providers: their value of PULUMI_DEBUG_PROVIDERS."""
    process = launch(folder, env, "--parent", str(os.getpid()), *options)
    try:
        ready = folder / "ready.json"
        assert until(lambda: ready.exists() or process.poll() is not None)
        assert ready.exists(), (folder / "log.txt").read_text()
        yield json.loads(ready.read_text())["PULUMI_DEBUG_PROVIDERS"]
    finally:
        process.terminate()
        process.wait(timeout=300)


def bag(message: struct_pb2.Struct) -> dict[str, Any]:
    """Return a dict from its wire form."""
    return dict(json_format.MessageToDict(message))


def wire(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return the wire form of a dict."""
    return json_format.ParseDict(values, struct_pb2.Struct())


@dataclass
class Made:
    """A resource as the engine keeps it."""

    kind: str
    id: str
    inputs: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)


class Engine:
    """One provider of a program, on a connection of its own, as the engine opens one for each."""

    def __init__(self, attached: str, package: str = "aws") -> None:
        port = dict(pair.split(":") for pair in attached.split(","))[package]
        alone = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=alone)
        self.stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def configure(self, **settings: Any) -> None:
        """CheckConfig, then Configure."""
        settings.setdefault("region", REGION)
        checked = self.stub.CheckConfig(provider_pb2.CheckRequest(news=wire(settings)))
        assert not checked.failures, checked.failures
        self.stub.Configure(provider_pb2.ConfigureRequest(args=checked.inputs))

    def check(
        self, kind: str, inputs: Mapping[str, Any], old: Mapping[str, Any] | None = None, name: str = "x"
    ) -> dict[str, Any]:
        """Return the checked inputs."""
        answer = self.failures(kind, inputs, old, name)
        assert not answer.failures, answer.failures
        return bag(answer.inputs)

    def failures(
        self, kind: str, inputs: Mapping[str, Any], old: Mapping[str, Any] | None = None, name: str = "x"
    ) -> Any:
        """Return the whole answer to a Check."""
        request = provider_pb2.CheckRequest(type=kind, name=name, olds=wire(old or {}), news=wire(inputs))
        return self.stub.Check(request)

    def create(self, kind: str, inputs: Mapping[str, Any], name: str = "x") -> Made:
        """Check and Create."""
        checked = self.check(kind, inputs, name=name)
        answer = self.stub.Create(provider_pb2.CreateRequest(type=kind, properties=wire(checked)))
        return Made(kind, answer.id, checked, bag(answer.properties))

    def preview(self, made: Made, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the known outputs of an update in a preview."""
        news = wire(self.check(made.kind, inputs, made.inputs))
        request = provider_pb2.UpdateRequest(type=made.kind, id=made.id, olds=wire(made.state), news=news, preview=True)
        return bag(self.stub.Update(request).properties)

    def diff(self, made: Made, inputs: Mapping[str, Any]) -> Any:
        """Return the answer to a Diff against other inputs."""
        news = wire(self.check(made.kind, inputs, made.inputs))
        return self.stub.Diff(provider_pb2.DiffRequest(type=made.kind, id=made.id, olds=wire(made.state), news=news))

    def changed(self, made: Made, inputs: Mapping[str, Any]) -> set[str]:
        """Return the paths that a Diff finds changed."""
        return set(self.diff(made, inputs).detailedDiff)

    def update(self, made: Made, inputs: Mapping[str, Any]) -> None:
        """Check and Update."""
        made.inputs = self.check(made.kind, inputs, made.inputs)
        request = provider_pb2.UpdateRequest(type=made.kind, id=made.id, olds=wire(made.state), news=wire(made.inputs))
        made.state = bag(self.stub.Update(request).properties)

    def refreshed(self, made: Made) -> Made:
        """Return the resource as a refresh finds it; its id is empty if it is gone."""
        request = provider_pb2.ReadRequest(
            type=made.kind, id=made.id, properties=wire(made.state), inputs=wire(made.inputs)
        )
        answer = self.stub.Read(request)
        return Made(made.kind, answer.id, bag(answer.inputs), bag(answer.properties))

    def imported(self, kind: str, identity: str) -> Made:
        """Return the resource as an import finds it by nothing but an id."""
        answer = self.stub.Read(provider_pb2.ReadRequest(type=kind, id=identity))
        return Made(kind, answer.id, bag(answer.inputs), bag(answer.properties))

    def delete(self, made: Made) -> None:
        """Delete."""
        self.stub.Delete(provider_pb2.DeleteRequest(type=made.kind, id=made.id, properties=wire(made.state)))

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer of a function."""
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=wire(arguments)))
        return bag(getattr(answer, "return"))


@pytest.fixture(scope="module")
def attached(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with providers(tmp_path_factory.mktemp("providers"), environment(cloud)) as line:
        yield line


@pytest.fixture
def engine(attached: str, account: str) -> Iterator[Engine]:
    """A provider in an account of its own."""
    engine = Engine(attached)
    engine.configure(accessKey=account, secretKey="local", defaultTags='{"tags": {"stack": "test"}}')
    yield engine
    engine.close()
