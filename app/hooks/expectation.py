"""Whether an answer is what a smoke event expects. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

LONGEST = 100  # characters of a value in a line


def wrong(expected: dict[str, Any], answer: Any) -> Iterator[str]:
    """What is wrong with the answer, in a few words each: the status, or where that is right the body.

    expected: {"statusCode": 201, "body": {...}}; `body` may be left out. Of an object only the members that are named
    must be there, of a list all items. answer: what the function returned for an HTTP API (payload 2.0).
    """
    status = answer.get("statusCode") if isinstance(answer, dict) else None
    if status != expected["statusCode"]:
        said = answer.get("body", "") if status else answer
        yield f"answered {status or 'no status'}, expected {expected['statusCode']} ({shown(said)})"
    elif "body" in expected:
        yield from _different(expected["body"], _parsed(answer.get("body")), "body")


def shown(value: object) -> str:
    """A value as it may stand in a line."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _parsed(body: Any) -> Any:
    """A body that is no JSON is itself."""
    try:
        return json.loads(body)
    except (TypeError, ValueError):
        return body


def _different(expected: Any, found: Any, path: str) -> Iterator[str]:
    match expected, found:
        case dict(), dict():
            for name, value in expected.items():
                if name in found:
                    yield from _different(value, found[name], f"{path}.{name}")
                else:
                    yield f"answered no {path}.{name}, expected {shown(value)}"
        case list(), list() if len(expected) == len(found):
            for number, (value, item) in enumerate(zip(expected, found, strict=True)):
                yield from _different(value, item, f"{path}[{number}]")
        case _:
            # JSON's true is no 1, although Python's is.
            if expected != found or isinstance(expected, bool) is not isinstance(found, bool):
                yield f"answered {path} {shown(found)}, expected {shown(expected)}"
