"""The addresses that API destinations call: this cloud calls none outside, and the control plane sets their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

NEVER = 0
"""In place of a status: the address does not answer."""


@dataclass
class Webhooks:
    """By host, the statuses that it answers, of which the last one stays; and the requests that all hosts have got."""

    answers: dict[str, list[int]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def call(self, request: Mapping[str, Any]) -> int:
        """Return the status that the address of a request answers: 200 unless another one is set."""
        left = self.answers.get(urlsplit(request["url"]).hostname or "", [200])
        status = left.pop(0) if len(left) > 1 else left[0]
        self.requests.append({**request, "status": status})
        return status

    def replace(self, answers: object) -> None:
        """Set the answers, and forget the requests. Raises ValueError."""
        if not isinstance(answers, dict) or not all(_statuses(each) for each in answers.values()):
            raise ValueError("the body must be an object of hosts, each with a list of statuses; 0 never answers")
        self.answers = {host: list(each) for host, each in answers.items()}
        self.requests.clear()


def _statuses(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(each == NEVER or 100 <= each <= 599 for each in value)


WEBHOOKS = Webhooks()
