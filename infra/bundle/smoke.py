"""Smoke events, `app/SERVICE/smoke/*.json`: every version of a service must answer them before it gets traffic.

A file is `{"event": {...}, "expect": {"statusCode": 201, "body": {...}}}`. The event is one that an HTTP API sends to
the function. Of the body, which may be left out, only the named members are compared. Events are sent in order of name.

A function that something else calls returns no answer of HTTP: `{"event": {...}, "expect": {"returns": {...}}}`
compares the named members of what it returns.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from infra.schema import listed
from infra.services import Service

PROBE = "health.json"  # every service with routes has it: it is also the event that a first version must answer
FILE, EXPECT, RETURNS = ("event", "expect"), ("statusCode", "body"), "returns"
FORM = '{"event": {...}, "expect": {"statusCode": 200, "body": {...}}}, or "expect": {"returns": {...}} without HTTP'


class SmokeError(pulumi.RunError):
    """The smoke events have mistakes; the message has a line for each. Pulumi shows it without a traceback."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(listed("the smoke events have", mistakes) + f"\nThe form of a file is {FORM}.")


@dataclass(frozen=True)
class Smoke:
    """An event, and the expectation for its answer: `statusCode`, and `body` where that is compared; or `returns`."""

    event: Mapping[str, Any]
    expect: Mapping[str, Any]


def read(services: Sequence[Service], repository: Path) -> dict[str, dict[str, Smoke]]:
    """Return the smoke events by service and file name. Raises SmokeError with every mistake of every file."""
    mistakes: list[str] = []
    found = {each.name: dict(_folder(each, repository, mistakes)) for each in services}
    if mistakes:
        raise SmokeError(mistakes)
    return found


def _folder(service: Service, repository: Path, mistakes: list[str]) -> Iterator[tuple[str, Smoke]]:
    folder = f"{service.folder}/smoke"
    files = sorted((repository / folder).glob("*.json"))
    if service.http and PROBE not in [file.name for file in files]:
        mistakes.append(f"{folder}/{PROBE} is missing, and a first version must answer it; add it")
    for file in files:
        try:
            content = json.loads(file.read_bytes())
        except ValueError as error:
            mistakes.append(f"{folder}/{file.name} is not JSON ({error}); correct it")
            continue
        wrong = [f"{folder}/{file.name} {mistake}" for mistake in _mistakes(content)]
        mistakes += wrong
        if not wrong:
            yield file.name, Smoke(**content)


def _mistakes(content: object) -> Iterator[str]:
    if not isinstance(content, dict):
        yield f"holds {type(content).__name__}, not an object; give an event and an expectation"
        return
    for name in FILE:
        if name not in content:
            yield f"has no {name}; give one"
        elif not isinstance(content[name], dict) or not content[name]:
            yield f"has {name} {_shown(content[name])}, not an object with members; give one"
    yield from (f"has {_shown(name)}, which nothing reads; leave it out" for name in content if name not in FILE)
    expect = content.get("expect")
    if isinstance(expect, dict) and RETURNS in expect:
        others = [name for name in expect if name != RETURNS]
        yield from (f"has expect.{name} beside {RETURNS}, which nothing reads; leave it out" for name in others)
    elif isinstance(expect, dict) and expect:
        status = expect.get("statusCode")
        if type(status) is not int or not 100 <= status <= 599:
            yield f"has expect.statusCode {_shown(status)}, not an HTTP status; give one, e.g. 200"
        yield from (f"has expect.{name}, which nothing reads; leave it out" for name in expect if name not in EXPECT)


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
