"""The operator's command, thin over the engine: `python -m infra.release --help`."""

from __future__ import annotations

import typer

from infra.console import print_anywhere
from infra.release.cli.abort import abort
from infra.release.cli.allow_retry import allow_retry
from infra.release.cli.doctor import doctor
from infra.release.cli.history import history
from infra.release.cli.output import EXIT_CODES
from infra.release.cli.plan import plan
from infra.release.cli.power import power
from infra.release.cli.promote import promote
from infra.release.cli.prune import prune
from infra.release.cli.rollback import rollback
from infra.release.cli.status import status
from infra.release.cli.sweep import sweep
from infra.release.cli.unstick import unstick
from infra.release.cli.watch import watch
from infra.release.viewer.command import view

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, epilog=EXIT_CODES)
COMMANDS = (
    *(status, plan, watch, abort, rollback, allow_retry, unstick, history),
    *(promote, doctor, prune, sweep, power, view),
)
for command in COMMANDS:
    app.command()(command)
app.command("forgive", hidden=True)(allow_retry)  # its name until November 2026


@app.callback()
def _commands() -> None:
    """The operator's command for releases. Each works while `pulumi up` is running elsewhere."""


if __name__ == "__main__":
    print_anywhere()
    app()
