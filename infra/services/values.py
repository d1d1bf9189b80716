"""Readers of the values in a service.yaml that are more than a word or a number."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.schema import Check, InvalidValueError, Reader, below, shown
from infra.services import patterns, schedules

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY")
AUTHS = ("jwt", "none")
SEGMENT = r"(?:[A-Za-z0-9._~$-]+|\{[A-Za-z_][A-Za-z0-9_]*\})"
PATH = re.compile(rf"/|(?:/{SEGMENT})*(?:/{SEGMENT}|/\{{[A-Za-z_][A-Za-z0-9_]*\+\}})")
VARIABLE = re.compile(r"\{[^}]*?(\+?)\}")


@dataclass(frozen=True)
class Route:
    """A route of the HTTP API. `auth`: "jwt", "none", or None for what the stack's API asks for."""

    method: str
    path: str
    auth: str | None = None

    @property
    def key(self) -> str:
        """Return the route key, e.g. "GET /orders/{id}".

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
        """
        return f"{self.method} {self.path}"

    @property
    def template(self) -> str:
        """Return the key in a form that is equal for routes that match the same requests, or differ only in case."""
        path = VARIABLE.sub(r"{\1}", self.path)
        return f"{self.method} {path.casefold()}"


class RouteOf(Reader):
    """A route: text, or an object of `route` and `auth`."""

    expected = 'a route, e.g. "POST /orders", or {route: GET /health, auth: none}'

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Route]:
        before = len(mistakes)
        given: Mapping[str, Any] = value if isinstance(value, dict) else {"route": value}
        for key in given.keys() - {"route", "auth"}:
            mistakes.append(f"{below(path, key)} is {shown(given[key])}, but there is no such key; give route and auth")
        text, auth = given.get("route"), given.get("auth")
        if auth not in (*AUTHS, None) or ("auth" in given and auth is None):
            mistakes.append(f"{path}.auth is {shown(auth)}, not one of the two; give {' or '.join(AUTHS)}")
        method, _, where = text.partition(" ") if isinstance(text, str) else ("", "", "")
        if method not in METHODS or not PATH.fullmatch(where):
            mistakes.append(
                f"{path} is {shown(text)}, not a route; give one of {', '.join(METHODS)}, a space and a path, e.g. "
                '"GET /orders/{id}"'
            )
        if len(mistakes) == before:
            yield Route(method, where, auth)


class Pattern(Reader):
    """An event pattern: EventBridge's, or a filter of Lambda's."""

    expected = 'an event pattern, e.g. {"detail-type": ["order placed"]}'

    def __init__(self, operators: tuple[str, ...], longest: int) -> None:
        self.operators, self.longest = operators, longest

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Mapping[str, Any]]:
        found = list(patterns.mistakes(value, path, operators=self.operators, longest=self.longest))
        mistakes += found
        if not found and isinstance(value, dict):
            yield value


class Schedule(Check):
    """A schedule expression of EventBridge's."""

    expected = "e.g. rate(5 minutes) or cron(0 12 * * ? *)"

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValueError("not a text")
        if why := schedules.mistake(value):
            raise InvalidValueError(why)
        return value


@dataclass(frozen=True)
class Resource:
    """Something of the stack that a function reads or writes: KIND/NAME."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class ResourceOf(Check):
    """KIND/NAME of one of these kinds. Whether the stack has it is checked with the other services."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds
        self.expected = f"KIND/NAME, the kind {' or '.join(kinds)}, e.g. {kinds[0]}/orders"

    def check(self, value: object) -> Resource:
        kind, slash, name = value.partition("/") if isinstance(value, str) else ("", "", "")
        if not slash or kind not in self.kinds or not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", name):
            raise InvalidValueError("not of the form wanted")
        return Resource(kind, name)
