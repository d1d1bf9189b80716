"""Event filtering: which records of a source reach the function.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html. A pattern has EventBridge's syntax and is
compiled and compared by ministack's EventBridge.
"""

import json
from collections.abc import Mapping
from typing import Any

from local.cloud.ministack import Seam, ministack
from local.cloud.routing.aliases import RefusedError

_EVENTS = "services.eventbridge"
_MOST = 5
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html: five filters, ten on request."""
NEEDS = [
    Seam(_EVENTS, "_parse_pattern_text", "pattern_str"),
    Seam(_EVENTS, "_matches_detail", "detail pattern"),
]


class Filter:
    """The filters of one mapping; without any, every record passes."""

    def __init__(self, criteria: Mapping[str, Any] | None) -> None:
        """Raise InvalidParameterValueException if a pattern is none."""
        patterns = [each.get("Pattern") for each in (criteria or {}).get("Filters") or ()]
        if len(patterns) > _MOST:
            raise _invalid(f"Maximum number of filters is {_MOST}, {len(patterns)} were given.")
        self._alternatives = [found for pattern in patterns if pattern for found in _compiled(pattern)]
        self._all = not any(patterns)

    def passes(self, record: Mapping[str, Any]) -> bool:
        """Return True if any pattern matches a record in the form that the function gets."""
        if self._all:
            return True
        events: Any = ministack(_EVENTS)
        seen = _seen(record)
        return any(events._matches_detail(seen, alternative) for alternative in self._alternatives)


def _compiled(pattern: str) -> list[Any]:
    found, refusal = ministack(_EVENTS)._parse_pattern_text(pattern)
    if refusal is not None:
        raise _invalid("Invalid filter pattern definition.")
    return list(found)


def _seen(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record as patterns see it: the body of a message is an object where it is a JSON object.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
    """
    body = record.get("body")
    if not isinstance(body, str):
        return record
    try:
        parsed = json.loads(body)
    except ValueError:
        return record
    return {**record, "body": parsed} if isinstance(parsed, dict) else record


def _invalid(message: str) -> RefusedError:
    return RefusedError("InvalidParameterValueException", message)
