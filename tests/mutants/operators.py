"""What a mutant changes: comparisons, boolean operators, branches and returns.

Most operators are cosmic-ray's own, by name; those that it lacks stand below, with the two methods that it calls.
A comparison becomes its opposite or moves its bound by one; any other swap mostly makes mutants that behave the same.
https://cosmic-ray.readthedocs.io/en/latest/reference/operators/index.html
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import parso
from cosmic_ray.plugins import get_operator  # type: ignore[import-untyped]

Position = tuple[tuple[int, int], tuple[int, int]]
"""Where a change begins and ends: lines from 1, columns from 0."""
Node = Any
"""A node of a parso tree. parso's types do not say that a node's children may be replaced."""


class Operator(Protocol):
    """What cosmic-ray calls to change a tree."""

    def mutation_positions(self, node: Node) -> Iterator[Position]:
        """One position for each change that the operator can make to this very node."""

    def mutate(self, node: Node, index: int) -> Node:
        """Make the change of that index in place; the node."""


class SwapMembership:
    """`in` becomes `not in`, and the other way round."""

    OPPOSITE = MappingProxyType({"in": " not in", "not in": " in"})

    def _places(self, node: Node) -> list[int]:
        if node.type != "comparison":
            return []
        return [place for place in range(1, len(node.children), 2) if _words(node.children[place]) in self.OPPOSITE]

    def mutation_positions(self, node: Node) -> Iterator[Position]:
        for place in self._places(node):
            yield node.children[place].start_pos, node.children[place].end_pos

    def mutate(self, node: Node, index: int) -> Node:
        place = self._places(node)[index]
        node.children[place] = _parsed(self.OPPOSITE[_words(node.children[place])])
        return node


class NegateFilter:
    """The condition of a comprehension becomes its opposite."""

    def mutation_positions(self, node: Node) -> Iterator[Position]:
        if node.type == "comp_if":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Node, index: int) -> Node:
        node.children[1] = _parsed(f" not ({node.children[1].get_code().strip()})")
        return node


class ChangeReturn:
    """`return True` becomes `return False` and the other way round; any other value becomes None."""

    OTHER = MappingProxyType({"True": " False", "False": " True"})

    def mutation_positions(self, node: Node) -> Iterator[Position]:
        if node.type == "return_stmt" and _words(node.children[1]) != "None":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:
        node.children[1] = _parsed(self.OTHER.get(_words(node.children[1]), " None"))
        return node


def _parsed(code: str) -> Node:
    return parso.parse(code)  # type: ignore[no-untyped-call]


def _words(node: Node) -> str:
    return " ".join(node.get_code(include_prefix=False).split())


def _of_cosmic_ray(*names: str) -> dict[str, Operator]:
    return {name: get_operator(f"core/{name}")() for name in names}


COMPARISONS = (
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
)
OPERATORS: Mapping[str, Operator] = MappingProxyType(
    _of_cosmic_ray(
        *(f"ReplaceComparisonOperator_{swap}" for swap in COMPARISONS),
        *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceUnaryOperator_Delete_Not"),
        *("AddNot", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
    )
    | {"SwapMembership": SwapMembership(), "NegateFilter": NegateFilter(), "ChangeReturn": ChangeReturn()}
)
"""By name, in the order in which mutants are listed."""
