"""Reads the local cloud's record of API calls, and computes their highest rate."""

import http.client
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

ENGINE = "strata-release"  # in the user agent of the release engine's calls
PATH = "/_strata/calls"


@dataclass(frozen=True)
class Call:
    """One call of the AWS API. `at`: when it arrived, in seconds since the epoch; `service`: boto3's name;
    `by_engine`: True if the release engine made it."""

    at: float
    service: str
    action: str
    by_engine: bool

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Self:
        """Return the call that an entry of the record describes."""
        return cls(entry["at"], entry["service"], entry["action"], ENGINE in entry["user_agent"])


def made(endpoint: str) -> list[Call]:
    """Return the calls since the record was cleared, in the order of arrival. Raises OSError if the cloud has none."""
    return sorted((Call.of(entry) for entry in _ask(endpoint, "GET")["calls"]), key=lambda call: call.at)


def clear(endpoint: str) -> None:
    """Clear the record."""
    _ask(endpoint, "DELETE")


def peak(times: Iterable[float], window: float) -> int:
    """Return the largest number of `times` within any half-open span of `window` seconds."""
    most, first, sorted_times = 0, 0, sorted(times)
    for last, at in enumerate(sorted_times):
        while at - sorted_times[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _ask(endpoint: str, method: str) -> Any:
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        connection.request(method, PATH)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise OSError(f"{method} {PATH} answered {answer.status}, not 200: {body.decode(errors='replace')}")
    return json.loads(body)
