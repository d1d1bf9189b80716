"""`python -m infra.services new|check` writes a service, and checks the declarations of all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from infra import services
from infra.console import Exit, Json, answer, answering
from infra.services import PYTHON, ServiceError, scaffold

REPOSITORY = Path(__file__).resolve().parents[2]
ERRORS: Mapping[type[Exception], Exit] = {ServiceError: Exit.FAILED}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done; 1 a declaration is wrong, or the service exists; 2 wrong usage.",
)


@app.callback()
def _commands() -> None:
    """Write a service's folder, and check what the folders of `app` declare."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The folder's name below app/, from which AWS names are built.")],
    *,
    runtime: Annotated[str, typer.Option(help="python or node.")] = PYTHON,
    as_json: Json = False,
) -> None:
    """Write a service that answers GET /NAME, with its lock, its smoke event and its test."""
    with answering(ERRORS, as_json=as_json):
        written = [str(each) for each in scaffold.write(REPOSITORY, name, runtime)]
        lines = [*(f"  {each}" for each in written), "The next `pulumi up` releases it."]
        answer({"service": name, "files": written}, f"{name}, in {runtime}:", *lines, as_json=as_json)


@app.command()
def check(*, as_json: Json = False) -> None:
    """Read every declaration, and list the services."""
    with answering(ERRORS, as_json=as_json):
        found = services.read(REPOSITORY)
        for warning in services.warnings(found):
            typer.echo(f"warning: {warning}", err=True)
        lines = [
            f"  {each.name:<16} {each.runtime:<6} {', '.join(each.triggers) or 'nothing calls it'}" for each in found
        ]
        document = {each.name: {"runtime": each.runtime, "triggers": list(each.triggers)} for each in found}
        answer(document, *lines, as_json=as_json)


if __name__ == "__main__":
    app()
