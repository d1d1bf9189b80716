"""Parses metric math into a tree. Function names are in capitals, names of metrics start with a small letter.

It parses what alarms here use. The rest of the language is refused by name, and so is what is not in it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LENGTH = 2048
"""The most characters of one expression."""
MAX_DEPTH = 100
"""The most nested brackets, far more than 2,048 characters need."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>"[^"]*"|'[^']*'|\u201c[^\u201d]*\u201d)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],])
    )""",
    re.VERBOSE,
)
_ARGUMENTS = {"FILL": (2, 2), "IF": (2, 3), "LOG": (1, 1), "RUNNING_SUM": (1, 1)}
"""The fewest and the most that each function takes."""
_LOGICAL = {"&&": "AND", "||": "OR"}

_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"OR"}),
    frozenset({"AND"}),
    frozenset({"==", "!=", "<=", ">=", "<", ">"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)
"""Operators from the weakest binding to the strongest, all from left to right; unary minus and ^ bind tighter."""


class MathError(ValueError):
    """The service refuses an expression; the text says why."""


@dataclass(frozen=True)
class Number:
    """A scalar as written."""

    value: float


@dataclass(frozen=True)
class Name:
    """The id of a metric or of another expression."""

    id: str


@dataclass(frozen=True)
class Call:
    """FUNCTION(a, b)."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Operation:
    """left operator right; unary minus has only `right`."""

    operator: str
    left: "Node | None"
    right: "Node"


Node = Number | Name | Call | Operation


def spine(node: Operation) -> tuple[Node, list[Operation]]:
    """Return the leftmost operand of a + b + c ... and the operations on it in order: a chain is long, but not deep."""
    operations = [node]
    while isinstance(left := operations[-1].left, Operation) and left.left is not None:
        operations.append(left)
    first = operations[-1].left
    assert first is not None  # noqa: S101 (narrowing: only operations with a left operand are in the chain)
    return first, operations[::-1]


def names(node: Node) -> Iterator[str]:
    """Yield the ids that the expression refers to."""
    match node:
        case Name(identifier):
            yield identifier
        case Call(_, items):
            for item in items:
                yield from names(item)
        case Operation(_, None, right):
            yield from names(right)
        case Operation():
            first, operations = spine(node)
            yield from names(first)
            for operation in operations:
                yield from names(operation.right)


def parse(text: str) -> Node:
    """Return the tree of an expression. Raises MathError."""
    if not text.strip():
        raise MathError("The expression is empty")
    if len(text) > MAX_LENGTH:
        raise MathError(f"The expression has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    parser = _Parser(text, list(_tokens(text)))
    node = parser.level(0, 0)
    parser.end()
    return node


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise MathError(f"Syntax error at {text[at:].strip()[:20]!r}")
        at = found.end()
        kind = found.lastgroup or ""
        word = found[kind]
        if kind == "sign" and word in _LOGICAL:
            word = _LOGICAL[word]
        if word in {"AND", "OR"}:
            kind = "sign"
        yield kind, word


class _Parser:
    def __init__(self, text: str, tokens: list[tuple[str, str]]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0

    def level(self, level: int, depth: int) -> Node:
        if level == len(_LEVELS):
            return self._unary(depth)
        node = self.level(level + 1, depth)
        while self._peek() in _LEVELS[level]:
            operator = self._next()[1]
            node = Operation(operator, node, self.level(level + 1, depth))
        return node

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise MathError(f"Syntax error at {self._peek()!r}")

    def _unary(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise MathError(f"The expression nests deeper than {MAX_DEPTH} brackets")
        if self._peek() == "-":
            self._next()
            return Operation("-", None, self._unary(depth + 1))
        base = self._atom(depth)
        if self._peek() == "^":
            self._next()
            return Operation("^", base, self._unary(depth + 1))
        return base

    def _atom(self, depth: int) -> Node:
        kind, word = self._next()
        if kind == "number":
            return Number(float(word))
        if kind == "name":
            return self._named(word, depth)
        if word == "(":
            node = self.level(0, depth + 1)
            self._expect(")")
            return node
        if word == "[":
            raise MathError("An array of time series is not imitated by the local cloud")
        raise MathError(f"Syntax error at {word!r}")

    def _named(self, word: str, depth: int) -> Node:
        if self._peek() == "(":
            return self._call(word, depth)
        if word[0].islower():
            return Name(word)
        if word in {"REPEAT", "LINEAR"}:
            raise MathError(f"{word} is not imitated by the local cloud: fill with a number")
        raise MathError(f"Syntax error at {word!r}: an id starts with a lowercase letter")

    def _call(self, name: str, depth: int) -> Node:
        if name not in _ARGUMENTS:
            raise MathError(f"Function '{name}' is not imitated by the local cloud: use {', '.join(_ARGUMENTS)}")
        items: list[Node] = []
        while self._next()[1] != ")" or not items:
            items.append(self.level(0, depth + 1))
            if self._peek() not in {",", ")"}:
                self._expect(")")
        least, most = _ARGUMENTS[name]
        if not least <= len(items) <= most:
            expected = str(least) if least == most else f"{least} to {most}"
            raise MathError(f"Function '{name}' takes {expected} argument(s), not {len(items)}")
        return Call(name, tuple(items))

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise MathError("The expression ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise MathError(f"Expected {sign!r} but found {repr(self._peek()) if self._peek() else 'the end'}")
        self._next()
