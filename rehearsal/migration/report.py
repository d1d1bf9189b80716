"""The report of a migration's rehearsal: `.rehearsal/migration.json`, the table, and what did not end as expected."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from infra import console
from rehearsal.files import put
from rehearsal.observe.traffic import Orders

EXPECTED = tuple(
    (layer, *way)
    for way in (("legacy", "adopted"), ("adopted", "managed"))
    for layer in ("compute", "observability", "delivery", "data", "identity")
)
"""Layer, source before and source after, of each move that must be in the report."""


@dataclass(frozen=True)
class Row:
    """One move of one layer. Layers that move together share the seconds and the failed requests of that time.

    `new`: what the program declares beside what Terraform had, which a move to managed creates.
    """

    layer: str
    source: str
    to: str
    imported: int
    created: int
    replaced: int
    deleted: int
    new: int
    seconds: float
    requests: int
    failed_requests: int
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        found["from"] = found.pop("source")
        return found


@dataclass(frozen=True)
class Report:
    """A whole rehearsal. `back` and `interrupted` are empty if they never happened. `same`: ids and creation dates."""

    seconds: float
    layers: tuple[Row, ...]
    orders: Orders
    requests: int
    failed_requests: int
    interrupted: Mapping[str, Any]
    back: Mapping[str, Any]
    releases: tuple[str, ...] = ()
    other_problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the form of the file."""
        orders = {"acknowledged": self.orders.acknowledged, "lost": self.orders.lost}
        return {
            "layers": [each.as_json() for each in self.layers],
            "orders": {**orders, "requests": self.requests, "failed_requests": self.failed_requests},
            "interrupted": dict(self.interrupted),
            "back": dict(self.back),
            "releases": list(self.releases),
            "problems": self.problems(),
            "seconds": self.seconds,
        }

    def write(self, file: Path) -> None:
        """Write the file, whole or not at all."""
        put(self.as_json(), file)

    def problems(self) -> list[str]:
        """Return what did not end as expected, one line each."""
        return [*self._moves(), *self._rest(), *self.other_problems]

    def _moves(self) -> Iterator[str]:
        for layer, source, to in EXPECTED:
            found = [each for each in self.layers if (each.layer, each.source, each.to) == (layer, source, to)]
            if not found:
                yield f"{layer}: never moved from {source} to {to}"
        for each in self.layers:
            name = f"{each.layer}, {each.source} to {each.to}"
            if each.problem:
                yield f"{name}: {each.problem}"
            if each.created or each.replaced or each.deleted:
                changed = f"{each.created} created, {each.replaced} replaced, {each.deleted} deleted"
                yield f"{name}: {changed}, and none may be"
            if each.to == "adopted" and each.source == "legacy" and not each.imported:
                yield f"{name}: nothing was imported"
            if each.failed_requests:
                yield f"{name}: {each.failed_requests} of {each.requests} requests failed"

    def _rest(self) -> Iterator[str]:
        if self.failed_requests:
            yield f"{self.failed_requests} of {self.requests} requests failed"
        if self.orders.lost or not self.orders.acknowledged:
            yield f"{self.orders.lost} of {self.orders.acknowledged} acknowledged orders are lost"
        if not self.interrupted.get("killed") or not self.interrupted.get("resumed"):
            yield f"interrupted: no move was killed and went on: {dict(self.interrupted)}"
        if self.back.get("to") != "legacy":
            yield f"back: no layer came back to Terraform: {dict(self.back)}"

    def table(self) -> Table:
        """Return the table for a person."""
        table = console.plain_table()
        for heading in ("layer", "from", "to"):
            table.add_column(heading, no_wrap=True)
        for heading in ("imported", "created", "replaced", "deleted", "new", "seconds", "requests", "failed"):
            table.add_column(heading, justify="right", no_wrap=True)
        for each in self.layers:
            counts = (each.imported, each.created, each.replaced, each.deleted, each.new)
            cells = (*map(str, counts), f"{each.seconds:.1f}", str(each.requests), str(each.failed_requests))
            table.add_row(each.layer, each.source, each.to, *cells)
        return table
