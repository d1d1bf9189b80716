"""A service as its service.yaml declares it. Every key has a default."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pulumi

from infra.answered import ANSWERED, RAISED
from infra.config.service import CONCURRENCY, MEMORY, TIMEOUT, Canary, ServiceOverride, Variables
from infra.schema import Flag, ListOf, OneOf, Section, Text, Whole, listed
from infra.services.patterns import LONGEST_FILTER, LONGEST_PATTERN, OF_EVENTBRIDGE, OF_LAMBDA
from infra.services.values import Pattern, Resource, ResourceOf, Route, RouteOf, Schedule

FILE = "service.yaml"
PYTHON, NODE = "python", "node"
SOURCES = {PYTHON: "{module}.py", NODE: "src/{module}.ts"}  # the file of a handler's module, below the service's folder
HANDLER = Text(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", "MODULE.FUNCTION, e.g. main.handler")
NO_CANARY = Canary()
SECRET = Text(r"[a-z][A-Za-z0-9]*", "a key of strata:secrets, e.g. receiptKey")


class ServiceError(pulumi.RunError):
    """The services have mistakes: `mistakes`, one line each. Pulumi shows it without a traceback."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(listed("the services have", mistakes) + "\ndocs/services.md describes every key.")


@dataclass(frozen=True)
class Queue:
    """An SQS queue of the service's own. `attempts`: receives of a message before it goes to the dead-letter queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """

    batch: Annotated[int, Whole(1, 10, "messages", "without a batching window Lambda takes no more at once")] = 10
    attempts: Annotated[int, Whole(1, 1000, "receives", "SQS takes no other number")] = 5


@dataclass(frozen=True)
class Stream:
    """The stream of the data layer's table. `attempts`: retries of a batch before its records are dead letters.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """

    filter: Annotated[Mapping[str, Any] | None, Pattern(OF_LAMBDA, LONGEST_FILTER)] = None
    batch: Annotated[int, Whole(1, 1000, "records", "Lambda offers more only with a batching window")] = 10
    attempts: Annotated[int, Whole(0, 10_000, "retries", "Lambda takes no other number")] = 5
    bisect: Annotated[bool, Flag()] = True


@dataclass(frozen=True)
class Declared:
    """The keys of a service.yaml. `memory`, `timeout` and `canary` are the stack's where they are left out.

    `filter`, `events`: event patterns. `concurrency`: reserved invocations at once; None reserves none.
    """

    runtime: Annotated[str, OneOf(PYTHON, NODE, why="these two are built and tested")] = PYTHON
    handler: Annotated[str, HANDLER] = "main.handler"
    http: Annotated[tuple[Route, ...], ListOf(RouteOf(), least=1)] = ()
    queue: Annotated[Queue | None, Section(Queue)] = None
    stream: Annotated[Stream | None, Section(Stream)] = None
    events: Annotated[Mapping[str, Any] | None, Pattern(OF_EVENTBRIDGE, LONGEST_PATTERN)] = None
    schedule: Annotated[str, Schedule()] = ""
    reads: Annotated[tuple[Resource, ...], ListOf(ResourceOf("table", "parameter"), least=1)] = ()
    writes: Annotated[tuple[Resource, ...], ListOf(ResourceOf("table", "topic", "queue", "bus"), least=1)] = ()
    secrets: Annotated[tuple[str, ...], ListOf(SECRET, least=1)] = ()
    environment: Annotated[Mapping[str, str] | None, Variables()] = None
    memory: Annotated[int | None, MEMORY] = None
    timeout: Annotated[int | None, TIMEOUT] = None
    concurrency: Annotated[int | None, CONCURRENCY] = None
    tracing: Annotated[bool, Flag()] = False
    errors: Annotated[str, OneOf(RAISED, ANSWERED, why="Lambda itself counts what is raised alone")] = RAISED
    canary: Annotated[Canary, Section(Canary)] = NO_CANARY


@dataclass(frozen=True)
class Service(Declared):
    """A service by its folder's `name`. `removed`: a stack is about to take it away, see ServicesConfig."""

    name: str = ""
    removed: bool = False

    @property
    def folder(self) -> str:
        return f"app/{self.name}"

    @property
    def file(self) -> str:
        """Return the path of its declaration, relative to the repository."""
        return f"{self.folder}/{FILE}"

    @property
    def source(self) -> str:
        """Return the path of the handler's source, relative to the repository."""
        module = self.handler.partition(".")[0]
        return f"{self.folder}/{SOURCES[self.runtime].format(module=module)}"

    @property
    def lambda_handler(self) -> str:
        """Return the handler as Lambda names it: within the app's packages, or of the one bundled module."""
        return self.handler if self.runtime == NODE else f"app.{self.name}.{self.handler}"

    @property
    def has_dead_letters(self) -> bool:
        """Return True if what it cannot do goes to a dead-letter queue."""
        return self.queue is not None or self.stream is not None or self.has_events

    @property
    def has_events(self) -> bool:
        """Return True if EventBridge calls it, by a pattern or by a schedule."""
        return self.events is not None or bool(self.schedule)

    @property
    def triggers(self) -> tuple[str, ...]:
        """Return what calls it, in words: its routes, and the names of its other triggers."""
        others = {"queue": self.queue, "stream": self.stream, "events": self.events, "schedule": self.schedule}
        return (*(route.key for route in self.http), *(name for name, given in others.items() if given))

    def uses(self, kind: str, name: str = "") -> bool:
        """Return True if it reads or writes a resource of the kind, or the one of that name."""
        found = (each for each in (*self.reads, *self.writes) if each.kind == kind)
        return any(not name or each.name == name for each in found)

    def overridden(self, by: ServiceOverride) -> "Service":
        """Return the service with what a stack gives it; environment and canary are merged key by key."""
        given = {name: value for name, value in vars(by).items() if value is not None}
        if by.environment is not None:
            given["environment"] = {**(self.environment or {}), **by.environment}
        if by.canary is not None:
            own = {name: value for name, value in vars(by.canary).items() if value not in (None, "", ())}
            if "rule" in own:
                own["rule"] = {**(self.canary.rule or {}), **own["rule"]}
            given["canary"] = replace(self.canary, **own)
        return replace(self, **given)
