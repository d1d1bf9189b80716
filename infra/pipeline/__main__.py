"""`python -m infra.pipeline` has the commands that the workflows' make targets run; each works on a laptop too."""

import typer

from infra.console import print_anywhere
from infra.pipeline.access import access
from infra.pipeline.by_event import by_event
from infra.pipeline.comment import comment
from infra.pipeline.drift import drift
from infra.pipeline.environments import environments
from infra.pipeline.plan import plan
from infra.pipeline.summary import story
from infra.pipeline.unlock import unlock
from infra.pipeline.verify import landed

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (access, plan, comment, unlock, landed, story, drift, environments, by_event):
    app.command()(command)


@app.callback()
def _commands() -> None:
    """Run a pipeline's steps that are neither `pulumi` nor `python -m infra.release`."""


if __name__ == "__main__":
    print_anywhere()
    app()
