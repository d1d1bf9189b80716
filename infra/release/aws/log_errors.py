"""Find a version's most frequent error in the messages that CloudWatch Logs returned. Pure.

An error is written by Lambda itself (an exception that left the handler, a time-out, a process that died), by Python's
`logging` or Node's `console.error` through Lambda, or as JSON by Powertools and by Lambda's JSON format.
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

PATTERNS = ("ERROR", '"Task timed out"', '"Runtime exited"')
"""Filters for FilterLogEvents that together let errors through, and some other lines that `last_line` rejects.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""
LONGEST = 300  # characters of an error that are worth a reader's time

_LEVELS = {"ERROR", "CRITICAL"}
_LAMBDA = re.compile(
    r"Task timed out after [\d.]+ seconds|Runtime exited(?: with error: .*| without providing a reason)"
)
_UNHANDLED = re.compile(r"\[(?:ERROR|CRITICAL)\]\s+(?P<error>.+)")
_LOGGED = re.compile(r"\[(?:ERROR|CRITICAL)\]\t\S+Z\t\S*\t(?P<message>.*)", re.DOTALL)
_NODE = re.compile(r"Z\t\S+\t(?:ERROR|FATAL)\t(?P<message>.+)", re.DOTALL)
_VARYING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+", re.IGNORECASE)


def most_frequent(messages: Iterable[str]) -> str | None:
    """Return the last line of the error that most messages report, or None if none reports any.

    Errors that differ only in numbers and identifiers are one.
    """
    errors = [line for line in map(last_line, messages) if line]
    if not errors:
        return None
    kinds = Counter(_VARYING.sub("#", error) for error in errors)
    kind, _ = kinds.most_common(1)[0]
    return next(error for error in errors if _VARYING.sub("#", error) == kind)


def last_line(message: str) -> str | None:
    """Return the error in one line; None if the message is not an error's."""
    line = _of_json(message) if message.lstrip().startswith("{") else _of_text(message)
    return line if line is None or len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def failure(payload: bytes, *, raised: bool) -> str | None:
    """Return the last line of the error that an invocation failed with; None if it succeeded.

    raised: Lambda's FunctionError was set, and the payload is `{"errorMessage", "errorType", "stackTrace"}`. An answer
    in good order that is for HTTP (it has a `statusCode`) must be a success too.
    """
    try:
        answer = json.loads(payload)
    except ValueError:
        answer = payload.decode(errors="replace")
    record = answer if isinstance(answer, dict) else {}
    if raised:
        return _of_record(record) or str(answer)[:LONGEST] or "no answer"
    if not 200 <= int(record.get("statusCode", 200)) < 300:
        return f"it answered {record['statusCode']}: {record.get('body', '')}"[:LONGEST]
    return None


def _of_json(message: str) -> str | None:
    try:
        record = json.loads(message)
    except ValueError:
        return _of_text(message)
    level = str(record.get("level") or record.get("log_level") or "").upper()
    if level not in _LEVELS and "errorMessage" not in record:
        return None
    return _of_record(record) or _last(str(record.get("exception") or record.get("message") or "")) or None


def _of_record(record: dict[str, Any]) -> str | None:
    if "errorMessage" not in record:
        return None
    kind, said = record.get("errorType"), str(record["errorMessage"])
    return _last(f"{kind}: {said}" if kind else said)


def _of_text(message: str) -> str | None:
    if found := _LAMBDA.search(message):
        return found.group()
    if found := _LOGGED.search(message):
        return _last(found["message"])
    if found := _NODE.search(message):
        _, _, record = found["message"].rpartition("\t")  # "Invoke Error \t{"errorType": ...}" is Lambda's own
        # Below the error that a program logged is its trace, so the first line says what is wrong.
        return (record.startswith("{") and _of_json(record)) or found["message"].splitlines()[0].strip()
    if found := _UNHANDLED.search(
        message
    ):  # "[ERROR] ValueError: no such order\nTraceback (most recent call last): ..."
        return found["error"].split("Traceback (most recent", 1)[0].strip()
    return None


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
