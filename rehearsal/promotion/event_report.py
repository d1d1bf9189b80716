"""The report of EVENTS=1: which role released prod by an event, and how each event ended that must start nothing."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from infra import console
from rehearsal.files import put
from rehearsal.promotion.report import Promoted
from rehearsal.promotion.stage import STACKS

ROLE = "strata-prod-promote"
# Each act: its name, the status of its build, and words of its log. NONE: no build at all.
ACTS = (
    ("forged", "NONE", "no build"),
    ("twice", "SUCCEEDED", "unchanged: "),
    ("cut-off", "SUCCEEDED", "promoted, adopted"),
    ("out-of-order", "FAILED", "superseded: "),
    ("late", "SUCCEEDED", "unchanged: "),
    ("frozen", "FAILED", "frozen: promotion is frozen (ann: inventory)"),
)


@dataclass(frozen=True)
class ByEvent:
    """Prod's release by an event. `seconds`: real ones from the end of the pipeline's last job; `role`: who did it."""

    deployment_id: str
    seconds: float
    role: str


@dataclass(frozen=True)
class Act:
    """One event: the status of the build that it started, a line of its log, and the calls that changed something."""

    name: str
    status: str
    line: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class EventReport:
    """A whole rehearsal. `other_problems` is not in the file."""

    seconds: float
    promoted: tuple[Promoted, ...]
    by_event: ByEvent | None
    acts: tuple[Act, ...]
    other_problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the form of the file."""
        return {
            "promoted": [asdict(one) for one in self.promoted],
            "by_event": asdict(self.by_event) if self.by_event else None,
            "events": [{"name": one.name, "ended": one.status, "calls": len(one.changes)} for one in self.acts],
            "seconds": self.seconds,
        }

    def write(self, file: Path) -> None:
        """Write the file, whole or not at all."""
        put(self.as_json(), file)

    def problems(self) -> list[str]:
        """Return what did not end as expected, one line each."""
        return [*self._promoted(), *self._acts(), *self.other_problems]

    def _promoted(self) -> Iterator[str]:
        if (found := [one.stack for one in self.promoted]) != list(STACKS):
            yield f"by event: {', '.join(found) or 'nothing'}, not {', '.join(STACKS)} in this order"
        if len({one.digest for one in self.promoted}) > 1:
            yield "by event: more than one digest"
        if self.by_event is None:
            yield "by event: prod was not released"
        elif self.by_event.role != ROLE:
            yield f"by event: prod was released as {self.by_event.role}, not as {ROLE}"

    def _acts(self) -> Iterator[str]:
        found = {one.name: one for one in self.acts}
        for name, status, words in ACTS:
            one = found.get(name)
            if one is None:
                yield f"{name}: never happened"
            elif one.status != status or words not in one.line:
                yield f"{name}: ended {one.status}, not {status} ({words}): {one.line}"
            elif one.changes:
                yield f"{name}: changed something all the same: {', '.join(one.changes)}"

    def table(self) -> Table:
        """Return the table for a person."""
        table = console.plain_table()
        for heading in ("event", "build", "by"):
            table.add_column(heading, no_wrap=True)
        table.add_column("calls that change", justify="right", no_wrap=True)
        for each in self.promoted:
            table.add_row(each.stack, each.outcome.replace("_", " "), each.deployment_id or "", "")
        for act in self.acts:
            table.add_row(f"prod, {act.name}", act.status.lower(), "", f"{len(act.changes)}")
        return table
