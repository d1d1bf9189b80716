"""Finds the operation of a REST request by botocore's own models.

https://smithy.io/2.0/spec/http-bindings.html
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs

import botocore.session  # type: ignore[import-untyped]
from botocore.model import OperationModel, ServiceModel  # type: ignore[import-untyped]

UNKNOWN = "unknown"
_CALLS_REMEMBERED = 4096


@cache
def services() -> frozenset[str]:
    """Return the names of all services, as boto3 names its clients."""
    return frozenset(botocore.session.get_session().get_available_services())


@cache
def model(service: str) -> ServiceModel | None:
    """Return botocore's model of a service; None if it has none."""
    return botocore.session.get_session().get_service_model(service) if service in services() else None


@lru_cache(_CALLS_REMEMBERED)
def rest_operation(service: str, method: str, path: str, query: str) -> str:
    """Return the operation of a request by its method, its raw path and its query; `UNKNOWN` if none fits.

    S3 distinguishes a copy from a put by a header; here both are the put.
    """
    segments = path.strip("/").split("/")
    given = parse_qs(query, keep_blank_values=True)
    fitting = [route for route in _routes(service) if route.method == method and route.fits(segments, given)]
    return max(fitting, key=lambda route: route.rank).operation if fitting else UNKNOWN


class _Route(NamedTuple):
    method: str
    segments: tuple[str | None, ...]
    """The segments of the path; None matches any value."""
    greedy: bool
    """The last segment matches the rest of the path."""
    query: dict[str, str]
    """The parameters that the query must have; an empty value means any."""
    rank: tuple[int, ...]
    """The order among routes that fit: the one with more conditions wins, then the one that needs fewer members."""
    operation: str

    def fits(self, segments: list[str], query: dict[str, list[str]]) -> bool:
        own = self.segments
        if len(segments) < len(own) or (len(segments) > len(own) and not self.greedy):
            return False
        same = all(theirs if mine is None else mine == theirs for mine, theirs in zip(own, segments, strict=False))
        return same and all(key in query and value in {"", *query[key]} for key, value in self.query.items())


@cache
def _routes(service: str) -> tuple[_Route, ...]:
    found = model(service)
    return () if found is None else tuple(_route(found.operation_model(name)) for name in found.operation_names)


def _route(operation: OperationModel) -> _Route:
    path, _, query = operation.http["requestUri"].partition("?")
    labels = path.strip("/").split("/")
    segments = tuple(None if label.startswith("{") else label for label in labels)
    wanted = {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}
    wanted |= dict.fromkeys(_required_in_query(operation), "")
    required = len(operation.input_shape.required_members) if operation.input_shape else 0
    rank = (len(segments) - segments.count(None), len(wanted), not operation.deprecated, -required)
    return _Route(operation.http["method"], segments, labels[-1].endswith("+}"), wanted, rank, operation.name)


def _required_in_query(operation: OperationModel) -> Iterator[str]:
    shape = operation.input_shape
    for name in shape.required_members if shape else ():
        where = shape.members[name].serialization
        if where.get("location") == "querystring":
            yield where["name"]
