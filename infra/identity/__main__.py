"""`python -m infra.identity explain` shows which token opens which role, and what the role may do."""

import typer

from infra.identity.explain import explain

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(explain)


@app.callback()
def _commands() -> None:
    """Explain which role a job may assume, and what the role may do."""


if __name__ == "__main__":
    app()
