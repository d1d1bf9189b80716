"""Evaluates a request's metrics and expressions, each by its id, in the order of their dependencies."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.cloud.metrics.math.functions import FUNCTIONS
from local.cloud.metrics.math.syntax import Call, MathError, Name, Node, Number, Operation, names, parse, spine
from local.cloud.metrics.math.values import Series, Times, Value, combined, negated

_ID = re.compile(r"[a-z][A-Za-z0-9_]*")


class ExpressionError(MathError):
    """A MathError with the expression's id, in CloudWatch's words."""

    def __init__(self, identifier: str, reason: object) -> None:
        super().__init__(f"Error in expression '{identifier}': {reason}")


@dataclass(frozen=True)
class Expressions:
    """The parsed expressions of a request, in an order in which each needs only those before it."""

    trees: Mapping[str, Node]

    @classmethod
    def parsed(cls, texts: Mapping[str, str], metric_ids: Sequence[str]) -> "Expressions":
        """Parse and order the expressions; evaluating them once on nothing finds wrong types.

        Raises ExpressionError.
        """
        trees: dict[str, Node] = {}
        for identifier, text in texts.items():
            try:
                trees[identifier] = parse(text)
            except MathError as error:
                raise ExpressionError(identifier, error) from error
        ordered = cls(_ordered(trees, metric_ids))
        ordered.evaluate([Series({}, identifier) for identifier in metric_ids], ())
        return ordered

    def evaluate(self, metrics: Sequence[Series], times: Times) -> dict[str, Series]:
        """Return the result of every expression. `metrics` have their ids.

        Raises ExpressionError if the result is a scalar or the types do not fit.
        """
        known: dict[str, Value] = {series.id: series for series in metrics}
        results: dict[str, Series] = {}
        for identifier, tree in self.trees.items():
            try:
                value = _value(tree, known, times)
            except MathError as error:
                raise ExpressionError(identifier, error) from error
            if not isinstance(value, Series):
                raise ExpressionError(identifier, "The result is a scalar; it must be a time series")
            known[identifier] = results[identifier] = value
        return results


def check_id(identifier: str) -> None:
    """Raise MathError unless the id starts with a lowercase letter and holds letters, digits and underscores."""
    if not _ID.fullmatch(identifier):
        raise MathError(
            f"Invalid metric id {identifier!r}: "
            "it must start with a lowercase letter and hold only letters, digits and underscores"
        )


def _ordered(trees: Mapping[str, Node], metric_ids: Sequence[str]) -> dict[str, Node]:
    ordered: dict[str, Node] = {}
    known = set(metric_ids)

    def visit(identifier: str, path: tuple[str, ...]) -> None:
        if identifier in ordered:
            return
        if identifier in path:
            raise ExpressionError(identifier, f"Circular reference: {' -> '.join([*path, identifier])}")
        for name in names(trees[identifier]):
            if name in trees:
                visit(name, (*path, identifier))
            elif name not in known:
                raise ExpressionError(identifier, f"Metric or expression '{name}' not found")
        ordered[identifier] = trees[identifier]

    for identifier in trees:
        visit(identifier, ())
    return ordered


def _value(node: Node, known: Mapping[str, Value], times: Times) -> Value:
    match node:
        case Number(written):
            return written
        case Name(identifier):
            return known[identifier]
        case Call(function, arguments):
            return FUNCTIONS[function](times, *(_value(argument, known, times) for argument in arguments))
        case Operation(_, None, right):
            return negated(_value(right, known, times))
        case Operation():
            first, operations = spine(node)
            value = _value(first, known, times)
            for operation in operations:
                value = combined(operation.operator, value, _value(operation.right, known, times))
            return value
