"""Compare an answer with the expectation of a smoke event. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

LONGEST = 100  # characters of a value in a line


def wrong(expected: dict[str, Any], answer: Any) -> Iterator[str]:
    """Yield each difference in a few words: the status's, or where the status is right the body's.

    expected: {"statusCode": 201, "body": {...}}; `body` may be left out. An object may have more members than are
    named, a list must have exactly the items. answer: the function's result for an HTTP API (payload 2.0). With
    {"returns": ...} the result itself is compared, in the same way.
    """
    if "returns" in expected:
        yield from _different(expected["returns"], answer, "result")
        return
    status = answer.get("statusCode") if isinstance(answer, dict) else None
    if status != expected["statusCode"]:
        said = answer.get("body", "") if status else answer
        yield f"answered {status or 'no status'}, expected {expected['statusCode']} ({shown(said)})"
    elif "body" in expected:
        yield from _different(expected["body"], _parsed(answer.get("body")), "body")


def shown(value: object) -> str:
    """Return a value as text for one line, of LONGEST characters at most."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _parsed(body: Any) -> Any:
    """Return the value of a JSON body; a body that is not JSON is returned as it is."""
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
