"""A call of AWS's, and what it needs."""

from typing import Any, NamedTuple


class Case(NamedTuple):
    """A call and what it needs, in the order in which it is asked for."""

    service: str
    call: str
    given: dict[str, Any]
    needs: list[tuple[str, str]]


def case(call: str, given: dict[str, Any], *needs: str) -> Case:
    """`call` as `client.method`; the needs alternate between action and resource."""
    service, _, method = call.partition(".")
    return Case(service, method, given, list(zip(needs[::2], needs[1::2], strict=True)))
