"""The gRPC servers: the answers of every stand-in plugin, and the aws plugin.

The protocol: https://pulumi-developer-docs.readthedocs.io/latest/docs/architecture/providers/README.html
"""

import contextlib
import functools
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.providers import operations
from local.providers.resource import Aws, Change, ProviderError, Resource
from local.providers.session import Sessions
from local.providers.settings import SETTINGS
from local.providers.wire import Bag, from_struct

Invoke = tuple[frozenset[str], Callable[[Any, Bag], Bag]]
"""A function of a provider: its known arguments, and its implementation, which gets AWS and the arguments."""


def struct(bag: Bag) -> struct_pb2.Struct:
    """Return a dict in its wire form."""
    message = struct_pb2.Struct()
    message.update(bag)
    return message


def call(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of the protocol, so that an error ends the call with one message for the user."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        code, partial = grpc.StatusCode.FAILED_PRECONDITION, None
        try:
            return method(self, request, context)
        except ProviderError as error:
            reason = str(error)
        except operations.PartialError as error:
            code, reason, partial = grpc.StatusCode.UNKNOWN, str(error), error
        except Exception as error:
            traceback.print_exc()
            code, reason = (
                grpc.StatusCode.INTERNAL,
                f"a mistake in local/providers, whose log has the traceback: {error!r}",
            )
        if partial:
            context.set_trailing_metadata((("grpc-status-details-bin", _details(partial, reason)),))
        context.abort(code, reason)
        raise AssertionError("abort raises")

    return answer


def _details(error: operations.PartialError, reason: str) -> bytes:
    """Return the state of an incomplete resource in the form that the engine expects."""
    detail = any_pb2.Any()
    state = struct(error.state)
    detail.Pack(provider_pb2.ErrorResourceInitFailed(id=error.identity, properties=state, reasons=[reason]))
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
    return bytes(status.SerializeToString())


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """The base of both plugins: the handshake, and functions. Other methods are unimplemented."""

    package: str
    version: str
    functions: Mapping[str, Invoke]

    def Handshake(self, request: Any, context: Any) -> Any:
        """Answer that no secrets, resources or outputs are passed: the engine tracks them itself."""
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:
        """Accept the engine's address; nothing is sent to it."""
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        """Do nothing: calls are short, and running ones finish."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """Return the version of the SDK that this stand-in supports."""
        return plugin_pb2.PluginInfo(version=self.version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        """Accept every setting as it is."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        """Answer that settings may change in place."""
        changed = from_struct(request.olds) != from_struct(request.news)
        return provider_pb2.DiffResponse(changes=_some(changed))

    def Configure(self, request: Any, context: Any) -> Any:
        """Do nothing: there is nothing to set up."""
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    @call
    def Check(self, request: Any, context: Any) -> Any:
        """Refuse a resource type that no subclass has."""
        raise ProviderError(f"the stand-in {self.package} provider has no resource type {request.type}")

    @call
    def Invoke(self, request: Any, context: Any) -> Any:
        """Answer one of `functions`."""
        if request.tok not in self.functions:
            raise ProviderError(
                f"the stand-in {self.package} provider has no function {request.tok}: {self.remedy(request.tok)}"
            )
        known, function = self.functions[request.tok]
        arguments = from_struct(request.args)
        strange = sorted(arguments.keys() - known)
        if strange:
            raise ProviderError(
                f"{request.tok}: the stand-in knows no argument {strange[0]!r}: {self.remedy(request.tok)}"
            )
        return provider_pb2.InvokeResponse(**{"return": struct(function(self.aws(context, arguments), arguments))})

    def remedy(self, token: str) -> str:
        """Return where to add what is missing."""
        return "add it in local/providers"

    def aws(self, context: grpc.ServicerContext, bag: Bag) -> Any:
        """Return AWS with the settings of the caller's provider, for functions and resources that need it."""
        return None


class AwsPlugin(Plugin):
    """The stand-in for `pulumi-resource-aws`."""

    package = "aws"
    version = "7.51.1"

    def __init__(self, resources: Mapping[str, Resource], functions: Mapping[str, Invoke], sessions: Sessions) -> None:
        self.resources, self.functions, self.sessions = resources, functions, sessions

    def aws(self, context: grpc.ServicerContext, bag: Bag) -> Aws:
        return self.sessions.of(str(context.peer())).at(bag.get("region"))

    def remedy(self, token: str) -> str:
        module = token.split(":")[1].partition("/")[0]
        return f"add it in local/providers/aws/{'lambda_' if module == 'lambda' else module}.py"

    def _type(self, token: str) -> Resource:
        if token not in self.resources:
            raise ProviderError(f"the stand-in aws provider has no resource type {token}: {self.remedy(token)}")
        return self.resources[token]

    def CheckConfig(self, request: Any, context: Any) -> Any:
        """Refuse settings that a stand-in cannot honour, rather than ignore them."""
        strange = sorted(from_struct(request.news).keys() - SETTINGS - {"version"})
        reason = "the stand-in aws provider has no such setting: add it in local/providers/settings.py"
        failures = [provider_pb2.CheckFailure(property=key, reason=reason) for key in strange]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        """Answer that another region replaces all resources."""
        old, new = from_struct(request.olds), from_struct(request.news)
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - {"version"}
        replaces = sorted(changed & {"region"})
        return provider_pb2.DiffResponse(changes=_some(bool(changed)), replaces=replaces, diffs=sorted(changed))

    @call
    def Configure(self, request: Any, context: Any) -> Any:
        """Check the credentials, and keep the settings for the calls that will come over this connection."""
        bag = {key: value for key, value in from_struct(request.args).items() if key in SETTINGS}
        self.sessions.configure(str(context.peer()), bag)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    @call
    def Check(self, request: Any, context: Any) -> Any:
        """Fill in names and tags; refuse what is unknown or missing."""
        tags = self.aws(context, {}).default_tags
        old, new = from_struct(request.olds), from_struct(request.news)
        inputs, found = operations.check(
            self._type(request.type), request.name, old, new, seed=request.randomSeed, tags=tags
        )
        failures = [provider_pb2.CheckFailure(property=failure.path, reason=failure.reason) for failure in found]
        return provider_pb2.CheckResponse(inputs=struct(inputs), failures=failures)

    @call
    def Diff(self, request: Any, context: Any) -> Any:
        """Compare the last known state with the inputs; AWS is not asked."""
        old = from_struct(request.olds)
        new = operations.left_alone(old, from_struct(request.news), request.ignoreChanges)
        found, before = operations.diff(self._type(request.type), old, new)
        return provider_pb2.DiffResponse(
            changes=_some(bool(found)),
            diffs=sorted({change.top for change in found}),
            replaces=sorted({change.top for change in found if change.replaces}),
            deleteBeforeReplace=before,
            hasDetailedDiff=True,
            detailedDiff={change.path: _detail(change) for change in found},
        )

    @call
    def Create(self, request: Any, context: Any) -> Any:
        """Create the resource, or return what a preview can know of it."""
        new = from_struct(request.properties)
        identity, state = operations.create(
            self._type(request.type), self.aws(context, new), new, preview=request.preview
        )
        return provider_pb2.CreateResponse(id=identity, properties=struct(state))

    @call
    def Read(self, request: Any, context: Any) -> Any:
        """Read the resource for a refresh or an import; no id means that it is gone."""
        state, given = from_struct(request.properties), from_struct(request.inputs)
        aws = self.aws(context, state)
        identity, now, inputs = operations.read(self._type(request.type), aws, request.id, state, given)
        if not identity:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=identity, properties=struct(now), inputs=struct(inputs))

    @call
    def Update(self, request: Any, context: Any) -> Any:
        """Change the resource in place, or return what a preview can know of it."""
        old = from_struct(request.olds)
        new = operations.left_alone(old, from_struct(request.news), request.ignoreChanges)
        aws = self.aws(context, old)
        state = operations.update(self._type(request.type), aws, request.id, old, new, preview=request.preview)
        return provider_pb2.UpdateResponse(properties=struct(state))

    @call
    def Delete(self, request: Any, context: Any) -> Any:
        """Delete the resource."""
        state = from_struct(request.properties)
        operations.delete(self._type(request.type), self.aws(context, state), request.id, state)
        return empty_pb2.Empty()


def _some(changed: bool) -> Any:
    return provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE


def _detail(change: Change) -> provider_pb2.PropertyDiff:
    kind = f"{change.kind}_REPLACE" if change.replaces else change.kind
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(kind))


@contextlib.contextmanager
def serving(*plugins: Plugin) -> Iterator[list[int]]:
    """Serve each plugin on a free port of 127.0.0.1; yield the ports, in order. Calls that still run at the end are
    cut."""
    servers = []
    ports = []
    try:
        for plugin in plugins:
            unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
            server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=unlimited)
            provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
            ports.append(server.add_insecure_port("127.0.0.1:0"))
            server.start()
            servers.append(server)
        yield ports
    finally:
        for server in servers:
            server.stop(grace=None)
