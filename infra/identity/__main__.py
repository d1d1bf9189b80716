"""`python -m infra.identity explain`: who may do what, and by which token."""

import typer

from infra.identity.explain import explain

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(explain)


@app.callback()
def _commands() -> None:
    """Who may do what."""


if __name__ == "__main__":
    app()
