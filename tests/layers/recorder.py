"""A Pulumi engine that creates nothing and records every declaration, options included."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import reset_options, rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks, set_mocks

ACCOUNT, REGION = "333333333333", "eu-central-1"

# Outputs belong to the loop they were made in, and another test may have left this thread without any.
LOOP = asyncio.new_event_loop()
# A refused program leaves outputs that failed and that no code awaits. Their errors would be logged whenever memory is
# collected, also within `ast.parse`, which Python 3.11 cannot enter twice: https://github.com/python/cpython/issues/106905
LOOP.set_exception_handler(lambda *_: None)

Answers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]


@dataclass(frozen=True)
class Declared:
    """One resource as the program declared it. `after` holds the names of what it waits for."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    provider: str
    protect: bool
    retain: bool
    imports: str
    ignores: tuple[str, ...]
    after: frozenset[str]
    urn: str
    formerly: frozenset[str]  # URNs under which Pulumi finds it in an older state
    secret_outputs: frozenset[str]


@dataclass
class Recorder(MockMonitor, Mocks):
    """The engine and its providers. `answers` are the results of functions by token; any other function fails."""

    answers: Answers = field(default_factory=dict)
    declared: list[Declared] = field(default_factory=list)
    called: list[MockCallArgs] = field(default_factory=list)

    def __post_init__(self) -> None:
        MockMonitor.__init__(self, self)

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        self.called.append(args)
        if args.token not in self.answers:
            raise AssertionError(f"the program calls {args.token}, which this test does not expect")
        return self.answers[args.token](args.args), []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Return outputs as AWS would compute them, from the resource's name where it has one."""
        name = str(args.inputs.get("name", args.name))
        computed = {
            "arn": f"arn:aws:test:{REGION}:{ACCOUNT}:{name}",
            "version": "7",
            "invokeArn": f"arn:aws:apigateway:{REGION}:lambda:path/{name}/invocations",
            "apiEndpoint": "https://api.example.com",
            "executionArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api",
            "keyId": f"{args.name}-key_id",
            "liveVersions": {"strata-prod-orders": "7"},
        }
        return f"{args.name}-id", {**computed, **args.inputs}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        if request.type != "pulumi:pulumi:Stack":
            self.declared.append(
                Declared(
                    type=request.type,
                    name=request.name,
                    inputs=rpc.deserialize_properties(request.object),
                    parent=_name(request.parent),
                    provider=_name(request.provider.rpartition("::")[0]),
                    protect=request.protect,
                    retain=request.retainOnDelete,
                    imports=request.importId,
                    ignores=tuple(request.ignoreChanges),
                    after=frozenset(_name(urn) for urn in request.dependencies),
                    secret_outputs=frozenset(request.additionalSecretOutputs),
                    urn=self.make_urn(request.parent, request.type, request.name),
                    formerly=frozenset(
                        self.make_urn(each.spec.parentUrn, request.type, each.spec.name) for each in request.aliases
                    ),
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def __iter__(self) -> Iterator[Declared]:
        return iter(self.declared)

    def of(self, kind: str) -> list[Declared]:
        """Return the resources of a type, e.g. "dynamodb/table:Table"."""
        return [resource for resource in self if resource.type.endswith(f":{kind}")]

    def one(self, kind: str) -> Declared:
        (resource,) = self.of(kind)
        return resource

    def named(self, name: str) -> Declared:
        (resource,) = [resource for resource in self if resource.name == name]
        return resource


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def record(
    program: Callable[[], object],
    stack: str = "prod",
    answers: Answers | None = None,
    project: str = "strata",
    *,
    preview: bool = False,
) -> Recorder:
    """Run `program` to its end, every output known, and return what it declared."""
    asyncio.set_event_loop(LOOP)
    # The SDK keeps the first program's stack as the parent of all that follows.
    reset_options()
    recorder = Recorder(answers=answers or {})
    set_mocks(recorder, project=project, stack=stack, preview=preview, monitor=recorder)
    debug = pulumi.log.debug
    try:
        pulumi.runtime.test(lambda: program() and None)()  # type: ignore[no-untyped-call]
    finally:
        pulumi.log.debug = debug  # what a whole program changes of the SDK ends with it
    return recorder


def known(output: pulumi.Output[Any]) -> Any:
    """Return the value of an output of a recorded program."""
    asyncio.set_event_loop(LOOP)
    found: list[Any] = []
    pulumi.runtime.test(lambda: output.apply(found.append))()  # type: ignore[no-untyped-call]
    return found[0]
