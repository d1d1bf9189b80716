"""The command of a migration: `python -m infra.migrate --help`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pulumi
import typer

from infra.console import Exit, Json, RefusedError, answer, answering, plain_table, print_anywhere
from infra.migrate import checks, generated_ids, mover, verdict
from infra.migrate.model import Direction, MigrationError, PreviewStep, Seen
from infra.migrate.session import Session, Unit, open_unit
from infra.migrate.steps import MEANINGS, present
from infra.migrate.steps import plan as steps_to
from infra.release.engine.cloud import AwsError
from infra.source import Source

REPOSITORY = Path(__file__).resolve().parents[2]
ERRORS: Mapping[type[Exception], Exit] = dict.fromkeys((pulumi.RunError, AwsError, MigrationError), Exit.UNKNOWN)

Layer = Annotated[str, typer.Argument(help="The layer, a folder of terraform-legacy.")]
Stack = Annotated[str, typer.Option(help="The Pulumi stack that the layer moves into.")]
Folder = Annotated[Path, typer.Option("--terraform", help="The folder of the Terraform layers.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a move whose process has ended.")]
LAYERS = Path("terraform-legacy")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, or nothing to do; 1 a finding; 2 wrong usage; 3 refused; 4 a tool or a state failed.",
)


@app.callback()
def _commands() -> None:
    """Move a layer from Terraform to Pulumi and back. It never runs `terraform apply`."""


@app.command()
def inspect(layer: Layer, *, stack: Stack, folder: Folder = LAYERS, as_json: Json = False) -> None:
    """Compare Terraform's state with the program: what is imported, what differs, what has no home, what is shared.

    What differs is known once the stack's file says `source: adopted`.
    """
    with answering(ERRORS, as_json=as_json):
        unit = open_unit(stack, layer, REPOSITORY, folder, _note)
        every, seen = _looked(unit)
        steps = unit.session.preview() if seen.wanted is Source.ADOPTED else ()
        rows = resource_rows(seen, steps)
        problems = [problem for each in every for problem in checks.states(each, Direction.IN, resume=True)]
        if steps:
            problems += checks.imports(steps, [one for each in every for one in each.terraform.resources])[1]
    table = plain_table()
    for name in ("address", "import_id", "differs"):
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(row["address"], row["import_id"] or "no home", ", ".join(row["differs"]))
    _end({"layer": layer, "resources": rows, "problems": problems}, [table], problems, as_json=as_json)


def resource_rows(seen: Seen, steps: Sequence[PreviewStep]) -> list[dict[str, Any]]:
    """Return a row for each resource of Terraform's state. `steps`: of the preview that imports them, if there is one.

    What such a preview does not import, the program does not declare, so it has no home.
    """
    imported = {each.thing: each for each in steps if each.op == "import"}
    differs = defaultdict[str, set[str]](set)
    for each in steps:
        differs[each.resource.urn].update(each.differs)
    rows = list[dict[str, Any]]()
    for one in seen.terraform.resources:
        step = imported.get(one.thing) if one.thing else None
        thing = one.thing if step or not imported else None
        rows.append(
            {
                "address": one.address,
                "type": thing.token if thing else None,
                "import_id": thing.import_id if thing else None,
                "urn": step.resource.urn if step else None,
                "differs": sorted(differs[step.resource.urn]) if step else [],
            }
        )
    return rows


@app.command()
def plan(
    layer: Layer,
    *,
    stack: Stack,
    to: Annotated[Source, typer.Option(help="The source that the layer is to have.")],
    folder: Folder = LAYERS,
    as_json: Json = False,
) -> None:
    """Show each step to a source, who does it, how to go back from it, and whether Terraform is locked meanwhile."""
    with answering(ERRORS, as_json=as_json):
        unit = open_unit(stack, layer, REPOSITORY, folder, _note)
        every, seen = _looked(unit)
        rows = _rows(seen, to)
        way = Direction.BACK if to is Source.LEGACY else Direction.IN
        problems = [problem for each in every for problem in checks.states(each, way)]
    table = plain_table()
    for name in ("step", "who", "does", "back", "locked"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("step", "who", "does", "back")), "yes" if row["locked"] else "")
    document = {"layer": layer, "from": present(seen), "to": to, "serial": seen.terraform.serial, "steps": rows}
    document["layers"] = unit.layers
    shared = [f"together with {', '.join(sorted(seen.companions))}, in the same steps"] if seen.companions else []
    _end({**document, "problems": problems}, [table, *shared], problems, as_json=as_json)


def _rows(seen: Seen, to: Source) -> list[dict[str, Any]]:
    steps = steps_to(now := present(seen), to)
    if not steps:
        return []
    backward = [*Source].index(to) < [*Source].index(now)
    command = f"{'back' if backward else 'move'} {seen.layer} --stack {seen.stack}"
    if to is not Source.LEGACY and now is Source.LEGACY:
        command += f" --serial {seen.terraform.serial}"
    edit = f"sets the source of {seen.layer} to {to} in {seen.file}"
    rows: list[dict[str, Any]] = [{"step": "edit", "who": "you", "does": edit, "back": "git", "locked": False}]
    locked = False
    for step in steps:
        locked = step != "unlock" and (locked or step == "lock")
        meaning = MEANINGS[step]
        rows.append({"step": step, "who": command, "does": meaning.does, "back": meaning.back, "locked": locked})
    return [*rows, {"step": "commit", "who": "you", "does": "commits that file", "back": "git", "locked": False}]


@app.command()
def ids(*, stack: Stack, folder: Folder = LAYERS, as_json: Json = False) -> None:
    """Print the commands that put into the stack's file the ids that AWS generated, before compute is adopted.

    Nothing is written: pipe the lines into a shell.
    """
    with answering(ERRORS, as_json=as_json):
        session = open_unit(stack, "compute", REPOSITORY, folder, _note, alone=True).session
        found = generated_ids.ids(session.seen(()).terraform, session.config.names.function(""))
    answer({"ids": found}, *generated_ids.commands(found, stack), as_json=as_json)


@app.command()
def move(
    layer: Layer,
    *,
    stack: Stack,
    resume: Resume = False,
    serial: Annotated[int | None, typer.Option(help="Refuse if Terraform's state is not that of the plan.")] = None,
    folder: Folder = LAYERS,
    as_json: Json = False,
) -> None:
    """Move a layer to the source that the stack's file names: adopted, then managed."""
    _go(layer, stack, Direction.IN, folder, resume=resume, serial=serial, as_json=as_json)


@app.command()
def back(layer: Layer, *, stack: Stack, resume: Resume = False, folder: Folder = LAYERS, as_json: Json = False) -> None:
    """Take a layer back to the source that the stack's file names: adopted, then legacy."""
    _go(layer, stack, Direction.BACK, folder, resume=resume, as_json=as_json)


def _go(
    layer: str, stack: str, way: Direction, folder: Path, *, resume: bool, as_json: bool, serial: int | None = None
) -> None:
    with answering(ERRORS, as_json=as_json):
        begun = time.monotonic()
        unit = open_unit(stack, layer, REPOSITORY, folder, _note, alone=way is Direction.BACK)
        session = unit.session
        every, seen = _looked(unit)
        for each in every:
            _same_account(session, each)
        serials = {} if serial is None else {layer: serial}
        done = mover.run(unit.members, way, _note, resume=resume, serials=serials)
    document = {
        "layer": layer,
        "layers": unit.layers,
        "from": present(seen),
        "to": session.wanted,
        "imported": done.counts["import"],
        "imported_of": dict(done.imported),
        "created": done.counts["create"],
        "replaced": done.counts["replace"],
        "deleted": done.counts["delete"],
        "new": done.counts["new"],
        "steps": done.steps,
        "seconds": round(time.monotonic() - begun, 1),
    }
    text = f"{', '.join(unit.layers)}: {session.wanted}" + (f"; commit {seen.file}" if done.steps else "")
    answer(document, text, as_json=as_json)


def _looked(unit: Unit) -> tuple[list[Seen], Seen]:
    """Read the layers that move together; return all, and the one that was asked for."""
    every = {each.seen.layer: each.seen for each in mover.observe(unit.members)}
    return list(every.values()), every[unit.asked]


def _same_account(session: Session, seen: Seen) -> None:
    allowed, project = session.config.account.allowed_account_ids, session.config.names.project
    if wrong := list(checks.account(session.bucket.account(), allowed, seen.terraform.resources, project)):
        raise RefusedError("; ".join(wrong))


@app.command()
def verify(layer: Layer, *, stack: Stack, folder: Folder = LAYERS, as_json: Json = False) -> None:
    """Check that both states and AWS agree: every resource of the layer is there, and has exactly one owner."""
    with answering(ERRORS, as_json=as_json):
        session = open_unit(stack, layer, REPOSITORY, folder, _note, alone=True).session
        seen = session.seen(session.resources())
        asked = present(seen) is not Source.LEGACY
        findings = verdict.verify(seen, session.pulumi.preview(refresh=True) if asked else ())
        owned = verdict.owners(seen)
    table = plain_table()
    for name in ("resource", "owner"):
        table.add_column(name, overflow="fold")
    for thing, names in owned.items():
        table.add_row(str(thing), " and ".join(names) or "nobody")
    document = {
        "layer": layer,
        "source": present(seen),
        "owners": {str(thing): names for thing, names in owned.items()},
        "findings": [asdict(each) for each in findings],
    }
    said = [f"{each.kind}: {each.subject}: {each.detail}" for each in findings]
    _end(document, [table], said, as_json=as_json)


def _end(document: Mapping[str, Any], shown: Sequence[Any], problems: Sequence[str], *, as_json: bool) -> None:
    code = Exit.FAILED if problems else Exit.OK
    answer(document, *shown, *problems, as_json=as_json, code=code)


def _note(line: str) -> None:
    typer.echo(line.rstrip(), err=True)


if __name__ == "__main__":
    print_anywhere()
    app()
