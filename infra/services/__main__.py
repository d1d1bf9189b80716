"""`python -m infra.services new|check|redrive` writes a service, checks all, and gives one its dead letters again."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from infra import services
from infra.answered import RAISED
from infra.console import Exit, Json, UsageError, answer, answering
from infra.naming import LIVE
from infra.release.cli import stack_state
from infra.release.engine.cloud import AwsError, NotFoundError
from infra.release.model.spec import ReleaseError
from infra.services import PYTHON, Service, ServiceError, scaffold

REPOSITORY = Path(__file__).resolve().parents[2]
ERRORS: Mapping[type[Exception], Exit] = {
    ServiceError: Exit.FAILED,
    ReleaseError: Exit.UNKNOWN,
    AwsError: Exit.UNKNOWN,
}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done; 1 a declaration is wrong, the service exists, or a dead letter is kept; 2 wrong usage; "
    "4 unknown: no such stack, no credentials, or AWS unreachable.",
)


@app.callback()
def _commands() -> None:
    """Write a service's folder, check what the folders of `app` declare, and give dead letters again."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The folder's name below app/, from which AWS names are built.")],
    *,
    runtime: Annotated[str, typer.Option(help="python or node.")] = PYTHON,
    errors: Annotated[str, typer.Option(help="raised, or answered: the service counts the faults that it answers.")] = (
        RAISED
    ),
    as_json: Json = False,
) -> None:
    """Write a service that answers GET /NAME, with its lock, its smoke event and its test."""
    with answering(ERRORS, as_json=as_json):
        written = [str(each) for each in scaffold.write(REPOSITORY, name, runtime, errors)]
        lines = [*(f"  {each}" for each in written), "The next `pulumi up` releases it."]
        answer({"service": name, "files": written}, f"{name}, in {runtime}:", *lines, as_json=as_json)


@app.command()
def check(*, as_json: Json = False) -> None:
    """Read every declaration, and list the services."""
    with answering(ERRORS, as_json=as_json):
        found = services.read(REPOSITORY)
        for warning in services.warnings(found, REPOSITORY):
            typer.echo(f"warning: {warning}", err=True)
        lines = [
            f"  {each.name:<16} {each.runtime:<6} {', '.join(each.triggers) or 'nothing calls it'}" for each in found
        ]
        document = {each.name: {"runtime": each.runtime, "triggers": list(each.triggers)} for each in found}
        answer(document, *lines, as_json=as_json)


@app.command(name="redrive")
def again(
    *,
    stack: Annotated[str, typer.Option(help="The Pulumi stack.")],
    service: Annotated[str, typer.Option(help="The service whose dead letters are meant.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the dead letters, and give none again.")] = False,
    as_json: Json = False,
) -> None:
    """Give a service its dead letters again: events and records of a stream to its alias, messages to its queue.

    A dead letter is deleted once that has succeeded; records that the stream has no more are named and kept.
    """
    from infra.release.aws.dead_letters import DeadLetters  # noqa: PLC0415 - the other commands need no boto3
    from infra.services.redrive import RESULTS, Result, redrive  # noqa: PLC0415

    with answering(ERRORS, as_json=as_json):
        declared = _with_dead_letters(service)
        region, function = _function(stack, service)
        try:
            letters = DeadLetters.of(region, function, LIVE, f"{function}-dead")
        except NotFoundError as problem:
            raise UsageError(f"{service} has no dead letters in stack {stack}: {problem}; run `pulumi up`") from problem
        pattern = declared.stream.filter if declared.stream else None
        found = list(redrive(letters, int(time.time() * 1000), pattern, dry=dry_run))
        counts = {result: sum(each.result is result for each in found) for result in Result}
        summary = (
            ", ".join(f"{count} {RESULTS[result]}" for result, count in counts.items() if count) or "no dead letters"
        )
        lines = [line for each in found for line in each.lines()]
        document = {
            **{result.value: count for result, count in counts.items()},
            "letters": [asdict(each) for each in found],
        }
        code = Exit.FAILED if counts[Result.KEPT] or counts[Result.GONE] else Exit.OK
        answer(document, f"{service} in stack {stack}: {summary}", *lines, as_json=as_json, code=code)


def _with_dead_letters(service: str) -> Service:
    """Return a service by its name. Raises UsageError for one that has no dead letters."""
    found = {each.name: each for each in services.read(REPOSITORY) if each.has_dead_letters}
    if service not in found:
        raise UsageError(
            f"{service!r} is no service with a queue, a stream, events or a schedule, which alone have dead letters; "
            f"give one of {', '.join(found) or 'them, once there is any'}"
        )
    return found[service]


def _function(stack: str, service: str) -> tuple[str, str]:
    """Return region and function of a stack's service: of the names that end in its own, the shortest has no other
    service's in it. Raises ReleaseError and UsageError."""
    release = stack_state.release(stack)
    ends = [each["function"] for each in release["targets"] if each["function"].endswith(f"-{service}")]
    if not ends:
        raise UsageError(f"stack {stack} does not release {service}; run `pulumi up` first")
    return release["region"], min(ends, key=len)


if __name__ == "__main__":
    app()
