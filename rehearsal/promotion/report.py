"""The report of a pipeline rehearsal: `.rehearsal/promotion.json`, the table, and what did not end as expected."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from infra import console
from rehearsal.files import put
from rehearsal.promotion.stage import STACKS

AFTER_DEV = ("staging", "prod")
UNPROVEN, OLDER, ALTERED = "unproven", "older", "altered"
# Each release that prod must refuse: its name, the reason, and words of the message that explains it.
EXPECTED = (
    ("older", OLDER, "is older than"),
    ("altered", ALTERED, "it was altered after the build"),
    ("rolled-back", UNPROVEN, "was reverted there (verdict"),
    ("too-old", UNPROVEN, "proved it there more than 1 days ago"),
    ("unseen", UNPROVEN, "it was never released there"),
    ("in-flight", UNPROVEN, "is still in flight there"),
)


@dataclass(frozen=True)
class Promoted:
    """One promoted stack: the digest of the code with its traffic, the deployment that shifted it, and its outcome."""

    stack: str
    digest: str
    deployment_id: str | None
    outcome: str


@dataclass(frozen=True)
class Refused:
    """A release that prod refused. `why`: its message; `changes`: the release engine's calls that changed something
    nevertheless; `code`: the step's exit code."""

    name: str
    reason: str
    why: str
    changes: tuple[str, ...]
    code: int


@dataclass(frozen=True)
class Report:
    """A whole rehearsal. `other_problems` is not in the file."""

    seconds: float
    promoted: tuple[Promoted, ...]
    adopted: tuple[Promoted, ...]  # stacks whose deployment outlived its runner, and those that waited for it
    refused: tuple[Refused, ...]
    other_problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the form of the file."""
        return {
            "promoted": [asdict(one) for one in self.promoted],
            "adopted": [asdict(one) for one in self.adopted],
            "refused": [{"name": one.name, "reason": one.reason, "calls": len(one.changes)} for one in self.refused],
            "seconds": self.seconds,
        }

    def write(self, file: Path) -> None:
        """Write the file, whole or not at all."""
        put(self.as_json(), file)

    def problems(self) -> list[str]:
        """Return what did not end as expected, one line each."""
        went = (*_went("promoted", self.promoted, STACKS), *_went("adopted", self.adopted, AFTER_DEV))
        return [*went, *self._refused(), *self.other_problems]

    def _refused(self) -> Iterator[str]:
        found = {one.name: one for one in self.refused}
        for name, reason, words in EXPECTED:
            one = found.get(name)
            if one is None:
                yield f"{name}: never happened"
            elif one.reason != reason or words not in one.why or one.code == 0:
                ended = one.reason or "otherwise"
                yield f"{name}: ended {ended} (exit code {one.code}), not {reason} ({words}): {one.why}"
            elif one.changes:
                yield f"{name}: was refused, but only after {', '.join(one.changes)}"

    def table(self) -> Table:
        """Return the table for a person."""
        table = console.plain_table()
        for heading in ("release", "outcome", "by"):
            table.add_column(heading, no_wrap=True)
        table.add_column("calls that change", justify="right", no_wrap=True)
        for one in self.promoted:
            table.add_row(one.stack, one.outcome.replace("_", " "), one.deployment_id or "", "")
        for one in self.adopted:
            table.add_row(f"{one.stack}, cut off", one.outcome.replace("_", " "), one.deployment_id or "", "")
        for each in self.refused:
            table.add_row(f"prod, {each.name}", f"refused ({each.reason})", "", f"{len(each.changes)}")
        return table


def _went(name: str, promoted: Sequence[Promoted], stacks: Sequence[str]) -> Iterator[str]:
    """Yield a problem unless these stacks were promoted, in this order, to one digest."""
    if (found := [one.stack for one in promoted]) != list(stacks):
        yield f"{name}: {', '.join(found) or 'nothing'}, not {', '.join(stacks)} in this order"
    if len(digests := {one.digest for one in promoted}) > 1:
        yield f"{name}: {len(digests)} digests, not one: {', '.join(sorted(digests))}"
    for one in promoted:
        if one.outcome != "promoted" or not one.deployment_id or not one.digest:
            yield f"{name}: {one.stack} ended {one.outcome} by deployment {one.deployment_id}, not promoted by one"
