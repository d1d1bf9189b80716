"""Check what a service declares against itself, the other services, and the stack that it is released to."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from infra.answered import ANSWERED, METRIC
from infra.config import StackConfig
from infra.config.service import REMOVED
from infra.naming import Names
from infra.services import alarms, curves, rules
from infra.services.model import Service, ServiceError
from infra.services.values import Resource

LONGEST_HTTP = 29  # seconds; the HTTP API gives up after 30
SECRETS = ("receiptKey",)  # those of strata:secrets that a function may read
KNOWN: Mapping[str, tuple[str, ...]] = {  # what every stack has, by kind
    "table": ("orders",),
    "topic": ("alarms",),
    "bus": ("events",),
    "parameter": tuple(re.sub(r"([A-Z])", r"-\1", key).lower() for key in SECRETS),
}


def alone(service: Service) -> Iterator[str]:
    """Yield what is wrong within one service.yaml, each with its path in the file."""
    keys = Counter(route.template for route in service.http)
    for route in service.http:
        if keys[route.template] > 1:
            yield f"http has {route.key} more than once, as the API's routes go; leave all but one out"
            keys[route.template] = 0
    yield from _too_slow(service)
    yield from curves.without_effect(service.canary)
    for kind, found in (("reads", service.reads), ("writes", service.writes)):
        for number, each in enumerate(found):
            if each.kind in KNOWN and each.name not in KNOWN[each.kind]:
                known = ", ".join(f"{each.kind}/{name}" for name in KNOWN[each.kind])
                yield f"{kind}[{number}] is {each}, which no stack has; give {known}"
    for number, secret in enumerate(service.secrets):
        if secret not in SECRETS:
            yield f"secrets[{number}] is {secret}, and strata:secrets has {', '.join(SECRETS)}; give one of these"
    yield from _loops(service)
    if service.errors == ANSWERED and not (service.http or service.queue or service.stream):
        yield (
            f"errors is {ANSWERED}, but the service has no http, queue or stream, so nothing reads its answers; leave "
            "it out, and raise what fails"
        )


def _too_slow(service: Service) -> Iterator[str]:
    if service.http and (service.timeout or 0) > LONGEST_HTTP:
        yield (
            f"timeout is {service.timeout}, but the HTTP API gives up after 30 seconds; give {LONGEST_HTTP} at most, "
            "or take the slow work from a queue"
        )


def _loops(service: Service) -> Iterator[str]:
    """Yield the ways in which a service triggers itself for certain."""
    own = Resource("queue", service.name)
    if service.queue and own in service.writes:
        yield (
            f"writes has {own}, from which the service is called itself, without an end; leave it out: a message that "
            "fails comes again by itself"
        )
    if service.stream and service.stream.filter is None and Resource("table", "orders") in service.writes:
        yield (
            "stream has no filter, but the service writes table/orders, so each of its writes calls it again; give "
            'stream.filter the keys that it wants, e.g. {dynamodb: {Keys: {id: {S: [{prefix: "ord_"}]}}}}'
        )


def warnings(services: Sequence[Service], repository: Path) -> Iterator[str]:
    """Yield the services that may trigger themselves: whether their pattern leaves out what they write is unknown; and
    those of which no code counts the faults that they answer."""
    for service in services:
        table, bus = (Resource(kind, name) in service.writes for kind, name in (("table", "orders"), ("bus", "events")))
        if service.stream and service.stream.filter and table and "dynamodb" not in service.stream.filter:
            yield (
                f"{service.file}: stream.filter matches no key or attribute, and the service writes the same table: "
                "see to it that its own writes do not call it again"
            )
        if service.events and bus and "source" not in service.events:
            yield (
                f"{service.file}: events matches any source, and the service puts events on the same bus: see to it "
                "that its own events do not call it again"
            )
        if service.errors == ANSWERED and not _counts(repository / service.folder):
            yield (
                f"{service.file}: errors is {ANSWERED}, but no file of {service.folder} writes {METRIC}, so none is "
                "counted: write it as docs/services.md shows"
            )


def _counts(folder: Path) -> bool:
    """True if code in the folder names the metric of answered faults."""
    files = (file for pattern in ("*.py", "src/*.ts") for file in folder.glob(pattern))
    return any(METRIC in file.read_text(errors="replace") for file in files)


def together(services: Sequence[Service]) -> Iterator[str]:
    """Yield the mistakes in how the services go together, each with the files that it is about."""
    first: dict[str, Service] = {}
    for service in services:
        for route in service.http:
            other = first.setdefault(route.template, service)
            if other is not service:
                yield (
                    f"{service.file}: http has {route.key}, which {other.file} has already, as the API's routes go; "
                    "give the path to one of the two"
                )
    queues = {each.name for each in services if each.queue}
    for service in services:
        for each in service.writes:
            if each.kind == "queue" and each.name not in queues:
                has = ", ".join(f"queue/{name}" for name in sorted(queues)) or "none"
                yield f"{service.file}: writes has {each}, but no service has that queue; the queues are {has}"
    yield from _same_queues(services)


def _same_queues(services: Sequence[Service]) -> Iterator[str]:
    """Yield the services whose queues would have one name: `x-dead` and the dead letters of `x`."""
    names = Names("p", "s")
    owner: dict[str, Service] = {}
    for service in services:
        own = [names.queue(service.name)] if service.queue else []
        for queue in (*own, *([names.dead_letters(service.name)] if service.has_dead_letters else ())):
            other = owner.setdefault(queue, service)
            if other is not service:
                suffix = queue.removeprefix(names.prefix)
                yield f"{service.file}: its queue ...{suffix} is that of {other.file} too; rename one of the folders"


def settle(services: Sequence[Service], config: StackConfig) -> tuple[Service, ...]:
    """Return the services as a stack has them: overridden, with the stack's defaults, each route with its `auth`.

    Raises ServiceError with every way in which they do not fit the stack.
    """
    mistakes = list(_stack_mistakes(services, config))
    overrides = config.services.overrides or {}
    api = "jwt" if config.compute.api.authorizer else "none"
    settled = []
    for each in services:
        found = each.overridden(overrides[each.name]) if each.name in overrides else each
        mistakes += [f"strata:services.{each.name}.{wrong}" for wrong in _too_slow(found) if not list(_too_slow(each))]
        found = replace(
            found,
            memory=found.memory or config.compute.memory,
            timeout=found.timeout or config.compute.timeout,
            http=tuple(replace(route, auth=route.auth or api) for route in found.http),
            removed=each.name in config.services.removed,
        )
        settled.append(found)
    mistakes += _adopted(settled, config)
    mistakes += [*curves.mistakes(settled, config), *rules.mistakes(settled, config), *alarms.mistakes(settled, config)]
    if mistakes:
        raise ServiceError(mistakes)
    return tuple(settled)


def _adopted(services: Sequence[Service], config: StackConfig) -> Iterator[str]:
    """Yield what keeps services from being adopted: no folder, triggers that Terraform never made, an id unknown."""
    adopted, path = config.compute.adopted, f"{config.names.project}:compute.adopted"
    if adopted is None:
        return
    known = {each.name for each in services}
    for name in adopted.services:
        if name not in known:
            yield f"{path}.services has {name}, but app has no service {name}; leave it out, or correct the name"
    for each in services:
        if each.has_dead_letters or each.uses("bus"):
            yield (
                f"{path}.services has {each.name}, which has a queue, a stream, events or a schedule, and those are "
                "not adopted; leave it out until strata:compute.source is managed"
            )
    with_routes = [each for each in services if each.http and not each.removed]
    wanted = ["http-api"] if with_routes else []
    for each in with_routes:
        wanted += [f"http-{each.name}-integration", f"http-{each.name}-invoke"]
        wanted += [f"http-{route.method.lower()}{route.path}" for route in each.http]
    ids = adopted.ids or {}
    if missing := [name for name in wanted if name not in ids]:
        yield f"{path}.ids lacks {', '.join(missing)}, which AWS generated; give them from Terraform's state"
    for name in sorted(ids.keys() - set(wanted)):
        yield f"{path}.ids has {name}, which the stack does not import by an id; leave it out, or correct the name"


def _stack_mistakes(services: Sequence[Service], config: StackConfig) -> Iterator[str]:
    project = config.names.project
    known = [each.name for each in services]
    path = f"{project}:services"
    for name in config.services.overrides or {}:
        if name not in known:
            yield f"{path}.{name} is given, but app has no service {name}; leave it out, or correct the name"
    for name in config.services.removed:
        if name not in known:
            yield f"{path}.{REMOVED} has {name}, of which there is no folder any more; leave it out"
    yield from replace(config.names, services=tuple(known)).name_errors()
    if config.compute.api.cors and config.compute.api.authorizer:
        yield from _preflights(services, project)
    if config.compute.api.authorizer is None:
        for service in services:
            for route in service.http:
                if route.auth == "jwt":
                    yield (
                        f"{service.file}: http has {route.key} with auth: jwt, but {project}:compute.api.authorizer is "
                        "missing, so no issuer's tokens are known; give it, or set auth to none"
                    )


def _preflights(services: Sequence[Service], project: str) -> Iterator[str]:
    """Yield the routes that would answer a browser's preflights by 401, since these have no token.

    API Gateway answers preflights itself only where no route takes OPTIONS.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html#http-api-cors-default-route
    """
    for service in services:
        for route in service.http:
            if route.method in ("ANY", "OPTIONS") and route.auth != "none":
                remedy = (
                    "give it auth: none" if route.method == "OPTIONS" else "list its methods, or give it auth: none"
                )
                yield (
                    f"{service.file}: http has {route.key} with auth: jwt, which takes the preflights that "
                    f"{project}:compute.api.cors is to answer, and these have no token; {remedy}"
                )
