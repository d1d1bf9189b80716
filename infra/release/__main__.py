"""The operator's command, thin over the runner: `python -m infra.release --help`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from infra.release import plan, runner, wire
from infra.release.clock import ScaledClock
from infra.release.exported import exported
from infra.release.model import ReleaseError
from infra.release.power import power

BAD_OUTCOME = 1
NO_OUTCOME = 2

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(power)


@app.callback()
def _commands() -> None:
    """The operator's command for releases."""


@app.command()
def watch(stack: Annotated[str, typer.Option(help="The Pulumi stack whose release is followed.")]) -> None:
    """Follow what is in flight to its end; start nothing. Ctrl-C ends the watching, and nothing else.

    Exit code 0: nothing is in flight, or it was promoted; 1: it was rolled back; 2: it cannot be told.
    """
    try:
        clock = ScaledClock.from_environment()
        found = exported(stack)
        targets = [wire.target(each, f"release.targets[{index}]") for index, each in enumerate(found["targets"])]
        policy = replace(wire.policy(found["policy"], "release.policy"), wait=True)
        from infra.release.aws import Aws  # noqa: PLC0415 - `power` and `--help` need no boto3

        cloud = Aws(found["region"], clock)
        outcomes = runner.run(targets, policy, cloud, clock, lambda each: typer.echo(each.line()), plan.watch)
    except ReleaseError as problem:
        typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(NO_OUTCOME) from None
    if bad := [each.line() for each in outcomes.values() if not each.ending.good]:
        typer.echo("\n".join(bad), err=True)
        raise typer.Exit(BAD_OUTCOME)


if __name__ == "__main__":
    app()
