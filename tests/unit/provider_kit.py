"""The release provider on a fake cloud, called as Pulumi's engine calls it."""

import copy
from dataclasses import asdict
from typing import Any

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, provider_pb2

from infra.release.model.spec import READ_AHEAD, ReleasePolicy
from infra.release.provider.servicer import ReleaseProvider
from tests.unit.fake_cloud import FakeCloud, cloud, target, version

REGION = "eu-central-1"
URN = "urn:pulumi:prod::strata::strata:release:Release::release"
SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE


class Aborted(Exception):  # noqa: N818
    """What grpc raises out of context.abort."""


class Context:
    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(details)


class Engine:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def Log(self, request: Any) -> None:  # noqa: N802
        assert request.urn == URN
        self.lines.append((request.severity, request.message))

    def warnings(self) -> list[str]:
        return [line for severity, line in self.lines if severity == engine_pb2.WARNING]


class Stack:
    """One stack with a release, as the engine keeps it: inputs and outputs, changed only by what succeeded."""

    def __init__(self, fake: FakeCloud) -> None:
        self.fake = fake
        self.engine = Engine()
        self.provider = ReleaseProvider(fake.clock, lambda *_: fake)  # type: ignore[arg-type]
        self.provider.engine = self.engine  # type: ignore[assignment]
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}

    def call(self, method: str, request: type, **fields: Any) -> Any:
        known = {name: value for name, value in fields.items() if value is not None}
        return getattr(self.provider, method)(request(urn=URN, **known), Context())

    def read_ahead(self, ahead: FakeCloud) -> None:
        """Let the preview observe `ahead`, as its program asks for; what changes AWS goes to `fake` all the same."""
        self.provider.connect = lambda *_: ahead
        args = {"region": REGION, "functions": [{"function": "orders"}]}
        self.provider.Invoke(provider_pb2.InvokeRequest(tok=READ_AHEAD, args=struct(args)), Context())

    def check(self, news: dict[str, Any]) -> list[str]:
        response = self.call("Check", provider_pb2.CheckRequest, news=struct(news))
        return [failure.reason for failure in response.failures]

    def diff(self, news: dict[str, Any]) -> Any:
        return self.call(
            "Diff",
            provider_pb2.DiffRequest,
            olds=struct(self.outputs),
            old_inputs=struct(self.inputs),
            news=struct(news),
        )

    def create(self, news: dict[str, Any], preview: bool = False) -> dict[str, Any]:
        return self._keep(
            news,
            self.call("Create", provider_pb2.CreateRequest, name="release", properties=struct(news), preview=preview),
            preview,
        )

    def update(self, news: dict[str, Any], preview: bool = False) -> dict[str, Any]:
        response = self.call(
            "Update",
            provider_pb2.UpdateRequest,
            olds=struct(self.outputs),
            old_inputs=struct(self.inputs),
            news=struct(news),
            preview=preview,
        )
        return self._keep(news, response, preview)

    def refresh(self) -> bool:
        """Whether there still is a release."""
        response = self.call(
            "Read", provider_pb2.ReadRequest, id="release", properties=struct(self.outputs), inputs=struct(self.inputs)
        )
        self.outputs, self.inputs = plain(response.properties), plain(response.inputs)
        return bool(response.id)

    def delete(self) -> None:
        self.call("Delete", provider_pb2.DeleteRequest, properties=struct(self.outputs), old_inputs=struct(self.inputs))

    def _keep(self, news: dict[str, Any], response: Any, preview: bool) -> dict[str, Any]:
        outputs = plain(response.properties)
        if not preview:
            self.inputs, self.outputs = copy.deepcopy(news), outputs
        return outputs


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    result = struct_pb2.Struct()
    result.update(values)
    return result


def plain(values: struct_pb2.Struct) -> dict[str, Any]:
    result: dict[str, Any] = json_format.MessageToDict(values)
    return result


def inputs(wanted: int | str = 2, **policy: Any) -> dict[str, Any]:
    given = {**asdict(target(0)), "version": str(wanted)}
    return {"targets": [given], "policy": asdict(ReleasePolicy(**{"commit": "abc", **policy})), "region": REGION}


def released(live: int = 1) -> Stack:
    """A stack whose release has `live` as its version; versions 1 to 3 are published."""
    stack = Stack(cloud(live, version(1), version(2), version(3)))
    stack.create(inputs(live))
    return stack
