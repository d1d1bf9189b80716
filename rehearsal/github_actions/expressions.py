"""Evaluates the expressions of a workflow, as far as this repository uses them. Pure; an unknown one is an error.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
TOKEN = re.compile(r"\s*(?:(&&|\|\||==|!=|!|\(|\))|'((?:[^']|'')*)'|([A-Za-z_][\w-]*(?:\.[\w-]+)*)(\(\))?)")
STATUS = ("success", "failure", "always", "cancelled")


class WorkflowError(Exception):
    """A workflow cannot be run here; the message says what in it, and where."""


def filled(text: str, contexts: Mapping[str, Any]) -> str:
    """Return `text` with each `${{ }}` replaced by its value. `contexts`: by name, as nested mappings."""
    return EXPRESSION.sub(lambda found: shown(value(found[1], contexts)), text)


def holds(condition: str, contexts: Mapping[str, Any], status: Mapping[str, bool]) -> bool:
    """Return True if a job or step with this `if` runs. `status`: the value of each function of STATUS now; a condition
    that calls none of them also needs `success()`."""
    found = EXPRESSION.fullmatch(condition.strip())
    text = found[1] if found else condition
    asked = any(each[4] and each[3] in STATUS for each in TOKEN.finditer(text))
    return (asked or status["success"]) and (not text.strip() or bool(value(text, contexts, status)))


def value(text: str, contexts: Mapping[str, Any], status: Mapping[str, bool] | None = None) -> Any:
    """Evaluate one expression, given without its braces. Raises WorkflowError if it is not understood."""
    return _Reading(text, contexts, status or {}).all()


def shown(found: Any) -> str:
    """Return the text that GitHub writes for a value."""
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None else str(found)


class _Reading:
    """Reads one expression from left to right: `||` of `&&` of comparisons."""

    def __init__(self, text: str, contexts: Mapping[str, Any], status: Mapping[str, bool]) -> None:
        self._text, self._contexts, self._status = text, contexts, status
        self._left: list[tuple[str, str, str, str]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            if (found := TOKEN.match(text, place)) is None:
                raise WorkflowError(f"`{text.strip()}` has `{text[place:].strip()}`, which is not known here")
            self._left.append((found[1] or "", found[2], found[3] or "", found[4] or ""))
            place = found.end()

    def all(self) -> Any:
        result = self._or()
        if self._left:
            raise WorkflowError(f"`{self._text.strip()}` goes on where it should end")
        return result

    def _or(self) -> Any:
        return self._chain("||", self._and, lambda one, other: one or other)

    def _and(self) -> Any:
        return self._chain("&&", self._equal, lambda one, other: one and other)

    def _chain(self, sign: str, part: Callable[[], Any], joined: Callable[[Any, Any], Any]) -> Any:
        result = part()
        while self._next() == sign:
            self._left.pop(0)
            result = joined(result, part())
        return result

    def _equal(self) -> Any:
        result = self._one()
        while (sign := self._next()) in {"==", "!="}:
            self._left.pop(0)
            result = (result == self._one()) == (sign == "==")
        return result

    def _one(self) -> Any:
        if not self._left:
            raise WorkflowError(f"`{self._text.strip()}` ends too soon")
        sign, literal, name, called = self._left.pop(0)
        if sign == "!":
            return not self._one()
        if sign == "(":
            result = self._or()
            if self._next() != ")":
                raise WorkflowError(f"`{self._text.strip()}` lacks a closing parenthesis")
            self._left.pop(0)
            return result
        if name and called:
            if name not in self._status:
                raise WorkflowError(f"`{self._text.strip()}` calls {name}(), which is not known here")
            return self._status[name]
        if name:
            return _looked_up(name, self._contexts)
        if sign:
            raise WorkflowError(f"`{self._text.strip()}` has a `{sign}` where a value should be")
        return literal.replace("''", "'")

    def _next(self) -> str:
        return self._left[0][0] if self._left else ""


def _looked_up(path: str, contexts: Mapping[str, Any]) -> Any:
    if path in {"true", "false"}:
        return path == "true"
    found: Any = contexts
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise WorkflowError(f"`{path}` is not known here: there is no `{part}`")
        found = found[part]
    return found
