"""The operator's command, thin over the engine: `python -m infra.release --help`."""

from __future__ import annotations

import typer

from infra.release.command.abort import abort
from infra.release.command.doctor import doctor
from infra.release.command.forgive import forgive
from infra.release.command.history import history
from infra.release.command.plan import plan
from infra.release.command.power import power
from infra.release.command.promote import promote
from infra.release.command.prune import prune
from infra.release.command.rollback import rollback
from infra.release.command.shown import EXIT_CODES
from infra.release.command.status import status
from infra.release.command.sweep import sweep
from infra.release.command.unstick import unstick
from infra.release.command.watch import watch

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, epilog=EXIT_CODES)
for command in (status, plan, watch, abort, rollback, forgive, unstick, history, promote, doctor, prune, sweep, power):
    app.command()(command)


@app.callback()
def _commands() -> None:
    """The operator's command for releases. Each works while `pulumi up` is running elsewhere."""


if __name__ == "__main__":
    app()
